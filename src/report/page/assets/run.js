  /* The tables and pictures of the page are there without this script: it gives them a cursor, a filter and an order. Names are set as text alone. */
  const data = JSON.parse(document.getElementById('data').textContent);
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;
  const element = (tag, text, kind) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const button = (text, act) => {
    const made = element('button', text);
    made.type = 'button';
    made.addEventListener('click', act);
    return made;
  };
  const hidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
  const plain = (text) => text.replace(hidden, '\ufffd');

  /* Figures in words. */
  const digits = (value) => value === 0 ? '0' : value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
  const duration = (us) => us >= 1e6 ? `${digits(us / 1e6)} s` : us >= 1e3 ? `${digits(us / 1e3)} ms` : `${digits(us)} µs`;
  const words = {
    us: duration, rate: (value) => `${digits(value)}/s`, count: digits, cores: (value) => value.toFixed(2),
    bytes: (value) => value === 0 ? '0' : value >= 2 ** 30 ? `${digits(value / 2 ** 30)} GiB` : value >= 2 ** 20 ? `${digits(value / 2 ** 20)} MiB` : `${digits(value / 1024)} KiB`,
  };
  const seconds = (at) => `${Number(at.toPrecision(4))} s`;
  const percentile = (x) => {
    const p = 100 * (1 - 10 ** -x);
    return `p${Number(p.toFixed(x < 2 ? 0 : Math.ceil(x) - 1))}`;
  };

  /* Colours are those of the style; canvases must be told. */
  const tint = {};
  const readColours = () => {
    const style = getComputedStyle(root);
    for (const name of ['ink', 'soft', 'line', 'panel', 'v0', 'v1', 'v2', 'v3', 'v4', 'v5', 'vn']) tint[name] = style.getPropertyValue(`--${name}`).trim();
  };
  readColours();
  const colour = (variant) => variant === null ? tint.vn : tint[`v${variant % 6}`];
  const dash = { solid: [], dashed: [7, 4], dotted: [2, 3], thin: [] };
  const width = { solid: 2, dashed: 1.5, dotted: 1.5, thin: 0.8 };

  const state = { off: new Set(), request: null, panel: 0, cursor: null };
  const plots = [];
  const isShown = (line) => !(line.variant !== null && state.off.has(line.variant)) && (line.request ?? null) === state.request;

  const GUTTER = 74;
  const axes = (chart, isTime) => [
    {
      stroke: () => tint.soft, grid: { show: !isTime, stroke: () => tint.line }, ticks: { stroke: () => tint.line }, size: 30, font: '12px system-ui, sans-serif',
      values: (u, at) => at.map((x) => (isTime ? seconds(x) : Number.isInteger(x) ? (x === 0 ? '0 %' : `${Number((100 * (1 - 10 ** -x)).toFixed(Math.max(0, x - 2)))} %`) : '')),
      ...(isTime ? {} : { splits: (u, at, min, max) => Array.from({ length: Math.floor(max) + 1 }, (_, x) => x) }),
    },
    {
      stroke: () => tint.soft, grid: { stroke: () => tint.line, width: 1 }, ticks: { show: false }, size: GUTTER, font: '12px system-ui, sans-serif',
      values: (u, at) => at.map((value) => (value === null ? null : words[chart.unit](value))),
      ...(chart.unit === 'bytes' ? { incrs: Array.from({ length: 44 }, (_, at) => 2 ** at) } : {}),
      ...(chart.shape === 'log' ? { splits: (u, at, min, max) => decades(min, max) } : {}),
      ...(chart.shape === 'lanes' ? { show: true, splits: () => [], grid: { show: false } } : {}),
    },
  ];
  /* Powers of ten; where fewer than two are on the axis, round values between them, or its ends. */
  const decades = (min, max) => {
    const from = Math.ceil(Math.log10(min) - 1e-9), to = Math.floor(Math.log10(max) + 1e-9), every = Math.max(1, Math.ceil((to - from) / 5));
    const found = [];
    for (let at = from; at <= to; at += every) found.push(10 ** at);
    if (to - from > 1) return found;
    const between = [];
    for (let at = from - 1; at <= to; at++) for (const of of [1, 2, 5]) between.push(of * 10 ** at);
    const shown = between.filter((value) => value >= min * 0.999 && value <= max * 1.001);
    return shown.length > 1 ? shown : [min, max];
  };
  /* The range of what is shown, so that a variant that is hidden does not flatten the others. */
  const range = (chart, others = []) => (u) => {
    let [low, high] = [Infinity, 0];
    u.series.forEach((series, at) => {
      if (at === 0 || !series.show) return;
      for (const value of u.data[at]) if (value !== null && value !== undefined) { low = Math.min(low, value); high = Math.max(high, value); }
    });
    for (const value of others) { low = Math.min(low, value); high = Math.max(high, value); }
    if (high === 0) high = 1;
    if (chart.shape !== 'log') return [0, high * 1.08];
    low = 10 ** Math.floor(Math.log10(Math.max(1, Math.min(low, high))));
    return [low, Math.max(high * 1.15, low * 10)];
  };

  /* What is drawn over the lines. */
  const upright = (u, at, from, to) => {
    const x = Math.round(u.valToPos(at, 'x', true)) + 0.5;
    u.ctx.beginPath();
    u.ctx.moveTo(x, from);
    u.ctx.lineTo(x, to);
    u.ctx.stroke();
  };
  const marks = (panel) => (u) => {
    const { ctx, bbox } = u, ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.strokeStyle = tint.soft;
    for (const [places, dashes] of [[panel.marks, [4, 3]], [panel.expiries, [1, 3]]]) {
      ctx.setLineDash(dashes.map((of) => of * ratio));
      for (const at of places) if (at >= u.scales.x.min && at <= u.scales.x.max) upright(u, at, bbox.top, bbox.top + bbox.height);
    }
    ctx.restore();
  };
  const clip = (u) => {
    u.ctx.save();
    u.ctx.beginPath();
    u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    u.ctx.clip();
  };
  const short = (name) => (name.length > 11 ? `${name.slice(0, 10)}…` : name);
  const lanes = (panel, chart) => (u) => {
    const shown = chart.lines.filter(isShown), { bbox } = u, height = bbox.height / Math.max(1, shown.length);
    const most = shown.reduce((most, line) => line.values.reduce((a, b) => Math.max(a, b ?? 0), most), 0) || 1;
    const ratio = devicePixelRatio || 1;
    u.ctx.save();
    u.ctx.font = `${12 * ratio}px system-ui, sans-serif`;
    u.ctx.textAlign = 'right';
    u.ctx.textBaseline = 'alphabetic';
    u.ctx.fillStyle = tint.soft;
    shown.forEach((line, lane) => u.ctx.fillText(short(plain(line.name)), bbox.left - 6 * ratio, bbox.top + (lane + 1) * height - 6 * ratio));
    u.ctx.restore();
    clip(u);
    shown.forEach((line, lane) => {
      const bottom = bbox.top + (lane + 1) * height;
      u.ctx.fillStyle = colour(line.variant);
      line.values.forEach((value, at) => {
        if (!value) return;
        const from = u.valToPos(panel.xs[at], 'x', true), to = u.valToPos(panel.xs[at] + panel.step, 'x', true);
        const tall = Math.max(4, (value / most) * (height - 6));
        u.ctx.fillRect(from, bottom - tall, Math.max(1.5, to - from - 1), tall);
      });
      u.ctx.fillStyle = tint.line;
      u.ctx.fillRect(bbox.left, bottom - 1, bbox.width, 1);
    });
    u.ctx.restore();
  };
  const bin = (at) => 10 ** (at / 8);
  const heatOf = (heat) => (u) => {
    clip(u);
    u.ctx.fillStyle = colour(heat.variant);
    heat.columns.forEach(([first, counts], column) => {
      const from = u.valToPos(column * heat.step, 'x', true), to = u.valToPos((column + 1) * heat.step, 'x', true);
      if (to < u.bbox.left || from > u.bbox.left + u.bbox.width) return;
      counts.forEach((count, at) => {
        if (!count) return;
        u.ctx.globalAlpha = 0.12 + 0.88 * (Math.log1p(count) / Math.log1p(heat.most));
        const top = u.valToPos(bin(first + at + 1), 'y', true), bottom = u.valToPos(bin(first + at), 'y', true);
        u.ctx.fillRect(from, top, Math.max(1, to - from + 0.5), Math.max(1, bottom - top));
      });
    });
    u.ctx.restore();
  };
  const overCurves = (curves) => (u) => {
    const { ctx, bbox } = u, ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.lineWidth = 1.3 * ratio;
    for (const span of state.request === null ? curves.spans : []) {
      if (state.off.has(span.variant)) continue;
      ctx.strokeStyle = colour(span.variant);
      const x = u.valToPos(span.at, 'x', true), low = u.valToPos(span.low, 'y', true);
      const high = span.high === null ? bbox.top : Math.max(bbox.top, u.valToPos(span.high, 'y', true));
      ctx.beginPath();
      ctx.moveTo(x, Math.min(low, bbox.top + bbox.height));
      ctx.lineTo(x, high);
      for (const y of span.high === null ? [low] : [low, high]) { ctx.moveTo(x - 5 * ratio, y); ctx.lineTo(x + 5 * ratio, y); }
      ctx.stroke();
    }
    ctx.strokeStyle = ctx.fillStyle = tint.ink;
    ctx.font = `${12 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'alphabetic';
    for (const limit of curves.limits) {
      const x = u.valToPos(limit.at, 'x', true), y = u.valToPos(limit.value, 'y', true);
      ctx.setLineDash([ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(x, y);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.moveTo(x, y - 7 * ratio);
      ctx.lineTo(x, y + 7 * ratio);
      ctx.stroke();
      ctx.fillText(plain(limit.words), bbox.left + 6 * ratio, y - 5 * ratio);
    }
    ctx.restore();
  };

  const series = (line) => ({
    label: line.name, show: isShown(line), stroke: () => colour(line.variant), width: width[line.look], dash: dash[line.look],
    points: { show: false }, spanGaps: Boolean(line.request),
  });
  const addRequest = (request) => {
    for (const { u, chart } of plots) {
      const missing = (chart.more ?? []).filter((line) => line.request === request && !chart.lines.includes(line));
      if (!missing.length) continue;
      for (const line of missing) { u.addSeries(series(line)); chart.lines.push(line); }
      u.setData([u.data[0], ...chart.lines.map((line) => line.values)], false);
    }
  };

  /* One plot in the place of its picture. */
  const HEIGHT = { linear: 170, log: 190, lanes: 60 };
  const plot = (figure, chart, xs, options) => {
    const lines = chart.lines;
    const made = new uPlot({
      width: Math.max(200, figure.clientWidth - 24), height: options.height, legend: { show: false }, padding: [8, 24, 0, 0],
      cursor: { y: false, drag: { x: true, y: false, setScale: true }, ...(options.sync ? { sync: { key: options.sync, setSeries: false } } : {}) },
      scales: { x: { time: false }, y: { distr: chart.shape === 'log' ? 3 : 1, range: options.range } },
      axes: axes(chart, options.isTime),
      series: [{}, ...lines.map((line) => ({ ...series(line), ...(chart.shape === 'lanes' ? { paths: () => null } : {}) }))],
      hooks: { draw: options.draw, setCursor: [(u) => options.onCursor?.(u)], setScale: [(u, key) => key === 'x' && options.onZoom?.(u)] },
    }, [xs, ...lines.map((line) => line.values)], figure);
    made.setScale('x', { min: 0, max: options.end });
    figure.classList.add('drawn');
    plots.push({ u: made, chart, figure, options });
    return made;
  };
  const refit = () => {
    for (const { u, figure, options } of plots) if (figure.clientWidth > 0) u.setSize({ width: Math.max(200, figure.clientWidth - 24), height: options.height });
  };
  const refresh = () => {
    for (const { u, chart } of plots) {
      u.batch(() => chart.lines.forEach((line, at) => { if (u.series[at + 1].show !== isShown(line)) u.setSeries(at + 1, { show: isShown(line) }); }));
      u.redraw(true, true);
    }
    legends();
  };

  /* Values at the cursor stand in the legends. */
  const entries = [];
  const legendOf = (figure, lines, unit) => {
    const items = [...(figure.querySelector('.legend')?.children ?? [])];
    const of = lines.filter((line) => !line.request);
    items.forEach((item, at) => {
      const value = element('b', '');
      item.append(' ', value);
      entries.push({ item, value, line: of[at], unit, figure });
    });
  };
  const legends = () => {
    for (const { item, line } of entries) item.classList.toggle('off', line.variant !== null && state.off.has(line.variant));
  };
  const tell = (figure, at) => {
    for (const of of entries) if (of.figure === figure) {
      const value = at === null || at === undefined ? null : of.line.values[at];
      of.value.textContent = value === null || value === undefined ? '' : words[of.unit](value);
    }
  };

  /* Charts over time: one axis, one cursor, one zoom. */
  const panels = [...document.querySelectorAll('.panel')];
  const built = new Map();
  let zooming = false;
  const build = (index) => {
    if (built.has(index)) return built.get(index);
    const panel = data.panels[index], mine = [], key = `panel-${index}`;
    built.set(index, mine);
    const end = (panel.xs[panel.xs.length - 1] ?? 0) + panel.step;
    const onZoom = (u) => {
      if (zooming || !mine.ready) return;
      zooming = true;
      const { min, max } = u.scales.x;
      for (const other of mine) if (other !== u) other.setScale('x', { min, max });
      zooming = false;
    };
    const common = { isTime: true, sync: key, onZoom, end };
    panel.charts.forEach((chart, at) => {
      const figure = $(`chart-${index}-${at}`);
      const height = chart.shape === 'lanes' ? 34 + 30 * chart.lines.length : HEIGHT[chart.shape];
      const draw = chart.shape === 'lanes' ? [lanes(panel, chart), marks(panel)] : [marks(panel)];
      legendOf(figure, chart.lines, chart.unit);
      mine.push(plot(figure, chart, panel.xs, { ...common, height, draw, range: chart.shape === 'lanes' ? () => [0, 1] : range(chart), onCursor: (u) => { tell(figure, u.cursor.idx); if (at === 0) said(panel, u.cursor.idx); } }));
    });
    panel.heats.forEach((heat, at) => {
      const filled = heat.columns.filter(([, counts]) => counts.length);
      const low = Math.min(...filled.map(([first]) => first), 63), high = Math.max(...filled.map(([first, counts]) => first + counts.length), 1);
      const chart = { unit: 'us', shape: 'log', lines: [{ name: heat.name, variant: heat.variant, look: 'solid', values: panel.xs.map(() => null) }] };
      mine.push(plot($(`heat-${index}-${at}`), chart, panel.xs, { ...common, height: HEIGHT.log, draw: [heatOf(heat), marks(panel)], range: () => [bin(low), bin(high)] }));
    });
    for (const u of mine) keys(u, mine, panel);
    mine.ready = true;
    return mine;
  };
  const unzoom = (mine) => {
    const end = (data.panels[state.panel].xs.at(-1) ?? 0) + data.panels[state.panel].step;
    mine[0]?.setScale('x', { min: 0, max: end });
  };
  const said = (panel, at) => {
    state.cursor = at ?? null;
    const text = at === null || at === undefined ? '' : `at ${seconds(panel.xs[at])}`;
    $('at').textContent = text;
  };
  let later = 0;
  const announce = (panel, at) => {
    clearTimeout(later);
    later = setTimeout(() => {
      const of = panel.charts.slice(0, 2).flatMap((chart) => chart.lines.filter(isShown).map((line) => line.values[at] === null ? null : `${plain(line.name)} ${words[chart.unit](line.values[at])}`));
      $('live').textContent = `${seconds(panel.xs[at])}: ${of.filter(Boolean).join(', ')}`;
    }, 150);
  };
  const moveTo = (u, panel, at) => {
    const to = Math.max(0, Math.min(panel.xs.length - 1, at));
    u.setCursor({ left: u.valToPos(panel.xs[to], 'x'), top: 10 }, true, true);
    announce(panel, to);
  };
  const keys = (u, mine, panel) => {
    u.root.tabIndex = 0;
    u.root.setAttribute('role', 'application');
    const title = u.root.closest('figure').querySelector('figcaption strong').textContent;
    u.root.setAttribute('aria-label', `${title}, over time: arrow keys move the cursor, plus zooms, Escape shows everything`);
    u.root.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const at = u.cursor.idx ?? -1, last = panel.xs.length - 1, far = Math.max(1, Math.round(panel.xs.length / 10));
      const act = {
        ArrowRight: () => moveTo(u, panel, at + 1), ArrowLeft: () => moveTo(u, panel, at < 0 ? last : at - 1), PageDown: () => moveTo(u, panel, at + far), PageUp: () => moveTo(u, panel, at - far),
        Home: () => moveTo(u, panel, 0), End: () => moveTo(u, panel, last),
        '+': () => { const { min, max } = u.scales.x, mid = at < 0 ? (min + max) / 2 : panel.xs[at], half = (max - min) / 4; u.setScale('x', { min: Math.max(0, mid - half), max: mid + half }); },
        Escape: () => { unzoom(mine); u.setCursor({ left: -10, top: -10 }, true, true); },
      }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
    u.over.addEventListener('dblclick', () => unzoom(mine));
  };
  const select = (index) => {
    state.panel = index;
    panels.forEach((panel, at) => { panel.hidden = at !== index; });
    build(index);
    for (const choice of $('bar').querySelectorAll('[data-panel]')) choice.setAttribute('aria-pressed', String(Number(choice.dataset.panel) === index));
    $('at').textContent = '';
    refit();
  };

  const bar = () => {
    const box = $('bar');
    if (!box || (!data.panels.length && !data.curves.length)) return;
    if (data.panels.length > 1) {
      const group = element('span', undefined, 'group');
      data.panels.forEach((panel, at) => {
        const choice = button(panel.round > 1 ? `${plain(panel.phase)}, launch ${panel.round}` : plain(panel.phase), () => select(at));
        choice.dataset.panel = at;
        group.append(choice);
      });
      box.append(group);
    }
    if (data.variants.length > 1) {
      const group = element('span', undefined, 'group');
      data.variants.forEach((name, at) => {
        const label = element('label'), check = document.createElement('input');
        check.type = 'checkbox';
        check.checked = !state.off.has(at);
        check.addEventListener('change', () => { state.off[check.checked ? 'delete' : 'add'](at); refresh(); });
        label.append(check, plain(name));
        label.style.color = `var(--v${at % 6})`;
        group.append(label);
      });
      box.append(group);
    }
    const at = element('output', '');
    at.id = 'at';
    box.append(at);
    box.hidden = false;
  };

  /* Percentile curves. */
  const curves = () => data.curves.forEach((of, at) => {
    /* Those of single requests are drawn when one is chosen: there may be hundreds. */
    const figure = $(`curve-${at}`), chart = { unit: 'us', shape: 'log', lines: of.lines.filter((line) => !line.request), more: of.lines };
    legendOf(figure, of.lines, 'us');
    const u = plot(figure, chart, of.xs, { height: 300, isTime: false, draw: [overCurves(of)], range: range(chart, of.limits.map((limit) => limit.value)), end: of.xs.at(-1), onCursor: (u) => tell(figure, u.cursor.idx) });
    u.root.tabIndex = 0;
    u.root.setAttribute('role', 'application');
    u.root.setAttribute('aria-label', 'Latency by percentile: arrow keys move the cursor');
    u.root.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const to = Math.max(0, Math.min(of.xs.length - 1, (u.cursor.idx ?? -1) + step));
      u.setCursor({ left: u.valToPos(of.xs[to], 'x'), top: 10 }, true, true);
      const said = of.lines.map((line) => (isShown(line) && line.values[to] !== null ? `${plain(line.name)} ${duration(line.values[to])}` : null));
      $('live').textContent = `${percentile(of.xs[to])}: ${said.filter(Boolean).join(', ')}`;
    });
  });

  /* Tables: rows are ordered and hidden, never made again. */
  const ordered = (table) => {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0], first = [...body.rows];
    heads.forEach((head, at) => {
      const title = head.textContent;
      if (!title) return;
      const value = (row) => row.cells[at].dataset.v === undefined ? row.cells[at].textContent : Number(row.cells[at].dataset.v);
      head.replaceChildren(button(title, () => {
        const order = head.getAttribute('aria-sort') === 'descending' ? 'ascending' : 'descending';
        heads.forEach((other) => other.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', order);
        const sign = order === 'ascending' ? 1 : -1;
        const rows = [...first].sort((a, b) => { const [x, y] = [value(a), value(b)]; return sign * (typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y))); });
        body.append(...rows);
      }));
    });
  };
  const search = (wide, what) => {
    const rows = [...wide.querySelectorAll('tbody tr')];
    if (rows.length < 12) return;
    const field = document.createElement('input');
    field.type = 'search';
    field.placeholder = `Search ${rows.length} ${what}`;
    field.setAttribute('aria-label', `Search ${what}`);
    field.addEventListener('input', () => {
      const wanted = field.value.toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
    wide.before(field);
    if (rows.length > 16) wide.classList.add('long');
  };
  /* A request's row filters the percentile curves; series are of all requests together. */
  const filterBy = (request) => {
    choose(request);
    refresh();
  };
  const choose = (request) => {
    state.request = request;
    if (request !== null) addRequest(request);
    const note = $('filter');
    note.replaceChildren();
    if (request !== null) {
      const has = data.curves.some((of) => of.lines.some((line) => line.request === request));
      note.append(`Curves by percentile show ${plain(request)} alone. `, has ? '' : 'It has no curve of its own here. ', button('show all requests', () => filterBy(null)));
    } else note.append('Choose a request to see its curve by percentile alone. Charts over time are of all requests together: series are not stored by request.');
    for (const row of document.querySelectorAll('tr[data-request]')) row.querySelector('button')?.setAttribute('aria-pressed', String(row.dataset.request === plain(request ?? '') && request !== null));
  };
  const requests = () => {
    const rows = [...document.querySelectorAll('tr[data-request]')];
    const names = new Map(data.curves.flatMap((of) => of.lines).filter((line) => line.request).map((line) => [plain(line.request), line.request]));
    if (!names.size) return;
    for (const row of rows) {
      const head = row.cells[0], name = names.get(row.dataset.request) ?? row.dataset.request;
      head.replaceChildren(button(head.textContent, () => filterBy(state.request === name ? null : name)));
    }
    $('filter').hidden = false;
    choose(null);
  };

  /* The differential flame graph, in a frame that has the policy of this page. */
  const graphs = () => [...document.querySelectorAll('.graph')].forEach((box, at) => {
    const of = data.frames[at];
    if (!of || !data.shell) return;
    const open = button('Open the differential flame graph', () => {
      const frame = document.createElement('iframe');
      frame.title = `Differential flame graph, ${box.dataset.title}`;
      frame.srcdoc = data.shell[0] + of + data.shell[1];
      open.replaceWith(frame);
      frame.addEventListener('load', () => themed(frame));
    });
    box.prepend(open);
  });
  const themed = (frame) => {
    const inside = frame.contentDocument;
    if (inside && root.dataset.theme && inside.documentElement.dataset.theme !== root.dataset.theme) inside.dispatchEvent(new KeyboardEvent('keydown', { key: 't' }));
  };

  const night = window.matchMedia('(prefers-color-scheme: dark)');
  const setTheme = (theme) => {
    root.dataset.theme = theme;
    readColours();
    for (const { u } of plots) u.redraw(false);
    document.querySelectorAll('iframe').forEach(themed);
  };
  const otherTheme = () => setTheme(root.dataset.theme === 'dark' ? 'light' : 'dark');
  $('theme').hidden = false;
  $('theme').addEventListener('click', otherTheme);
  night.addEventListener('change', () => setTheme(night.matches ? 'dark' : 'light'));
  document.addEventListener('keydown', (event) => {
    if (event.key === 't' && !event.ctrlKey && !event.metaKey && !event.altKey && !(event.target instanceof HTMLInputElement)) otherTheme();
  });
  window.addEventListener('resize', refit);
  window.addEventListener('beforeprint', () => document.querySelectorAll('details').forEach((of) => { of.open = true; }));

  const wish = new URLSearchParams(location.hash.slice(1));
  setTheme(wish.get('theme') ?? (night.matches ? 'dark' : 'light'));
  /* Many lines in one chart tell nothing: the first ones are shown. */
  data.variants.forEach((_, at) => { if (at >= 4) state.off.add(at); });
  bar();
  curves();
  if (data.panels.length) select(0);
  document.querySelectorAll('table.sortable').forEach(ordered);
  document.querySelectorAll('#functions .wide').forEach((of) => search(of, 'functions'));
  document.querySelectorAll('#requests .wide').forEach((of) => search(of, 'requests'));
  requests();
  graphs();
  legends();
  if (wish.has('selftest')) selfTest();
