  /* The page. Its script is this file and flame-diff-selftest.js within one function. */
  const data = JSON.parse(document.getElementById('data').textContent);
  const $ = (id) => document.getElementById(id);
  const count = data.depth.length;
  const ROW = 20;

  /* The tree: parents and ends of subtrees from depths, children in order. */
  const parent = new Int32Array(count).fill(-1);
  const end = new Int32Array(count);
  {
    const open = [];
    for (let i = 0; i < count; i++) {
      while (open.length > data.depth[i]) end[open.pop()] = i;
      if (open.length) parent[i] = open[open.length - 1];
      open.push(i);
    }
    while (open.length) end[open.pop()] = count;
  }
  const kids = (i) => {
    const found = [];
    for (let child = i + 1; child < end[i]; child = end[child]) found.push(child);
    return found;
  };
  const nameOf = (i) => (data.name[i] < 0 ? 'all' : data.names[data.name[i]]);

  /* Where a name's function is in the table of functions, and how many frames it has here. */
  const functionOf = new Map(data.functions.name.map((name, at) => [name, at]));
  const frames = new Map();
  for (const name of data.name) frames.set(name, (frames.get(name) ?? 0) + 1);

  const state = {
    view: 'union',
    unit: data.per_request ? 'per_request' : 'share',
    zoom: 0, focus: -1, hover: -1, query: '', regex: false, matches: null,
  };

  /* Amounts of a frame in the unit shown: µs of CPU per request, what else the profiles can be compared in, or parts of 1. */
  const factor = (side) => (state.unit === 'share' ? 1 : data[side].us);
  const before = (i) => data.b[i] * factor('base');
  const after = (i) => data.h[i] * factor('head');
  const ownBefore = (i) => data.bo[i] * factor('base');
  const ownAfter = (i) => data.ho[i] * factor('head');
  const change = (i) => after(i) - before(i);
  const ownChange = (i) => ownAfter(i) - ownBefore(i);
  const found = (i) => data[state.unit].found[i];
  const ownFound = (i) => data[state.unit].own_found[i];

  const digits = (value) => {
    const size = Math.abs(value);
    const decimals = size >= 99.95 || size === 0 ? 0 : size >= 9.995 ? 1 : size >= 0.0995 ? 2 : 4;
    const text = value.toFixed(decimals);
    return decimals ? text.replace(/\.?0+$/, '') : text;
  };
  const amount = (value) => {
    if (state.unit === 'share') return digits(value * 100) + ' %';
    if (data.unit === 'count') return digits(value);
    if (data.unit === 'bytes') {
      const power = Math.min(4, Math.floor(Math.log2(Math.max(1, Math.abs(value))) / 10));
      return `${digits(value / 1024 ** power)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
    }
    const us = data.unit === 'nanoseconds' ? value / 1e3 : value, size = Math.abs(us);
    const end = data.unit === 'us_per_second' ? '/s' : '';
    if (size >= 1e6) return digits(us / 1e6) + ' s' + end;
    if (size >= 1e3) return digits(us / 1e3) + ' ms' + end;
    return digits(us) + ' µs' + end;
  };
  const UNITS = {
    us_per_request: ['CPU per request', 'µs / request'], us_per_second: ['CPU per second', 'CPU / second'],
    bytes: ['bytes', 'Bytes'], nanoseconds: ['time', 'Time'], count: ['amount', 'Amount'], share: ['', 'µs / request'],
  };
  const signed = (value) =>
    (value < 0 ? '−' : value > 0 ? '+' : '') + (state.unit === 'share' ? digits(Math.abs(value) * 100) + ' pp' : amount(Math.abs(value)));
  const percent = (part) => digits(part * 100) + ' %';

  /* Widths: of a side its total; of the union the larger of what a frame has beside its callees, and the callees. */
  let width = new Float64Array(count);
  let widest = 1;
  const layout = () => {
    if (state.view !== 'union') {
      const of = state.view === 'base' ? before : after;
      for (let i = 0; i < count; i++) width[i] = of(i);
    } else {
      for (let i = count - 1; i >= 0; i--) {
        let restBefore = before(i), restAfter = after(i), callees = 0;
        for (let child = i + 1; child < end[i]; child = end[child]) {
          restBefore -= before(child);
          restAfter -= after(child);
          callees += width[child];
        }
        width[i] = Math.max(restBefore, restAfter, 0) + callees;
      }
    }
    widest = 0;
    for (let i = 0; i < count; i++) {
      if (found(i) === 'c') widest = Math.max(widest, Math.abs(change(i)));
      if (ownFound(i) === 'c') widest = Math.max(widest, Math.abs(ownChange(i)));
    }
  };

  /* Colours: grey without a finding; else from grey to blue or orange by the root of the change. */
  let colours;
  const readColours = () => {
    const style = getComputedStyle(document.documentElement);
    const rgb = (key) => {
      const hex = style.getPropertyValue('--' + key).trim().slice(1);
      return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
    };
    colours = {};
    for (const key of ['less', 'more', 'same', 'panel', 'ink', 'soft', 'match', 'focus', 'line', 'page']) colours[key] = rgb(key);
  };
  const css = (rgb) => `rgb(${rgb.map(Math.round).join(' ')})`;
  const blend = (from, to, part) => from.map((value, at) => value + (to[at] - value) * part);
  const strength = (value) => (widest > 0 ? Math.min(1, 0.18 + 0.82 * Math.sqrt(Math.abs(value) / widest)) : 0);
  const ramp = (value, finding) =>
    finding === 'c' ? blend(colours.same, value < 0 ? colours.less : colours.more, strength(value)) : colours.same;
  /* WCAG's contrast: of black and white one has at least 4.58 on any colour. */
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const inkOn = (fill) => (contrast(fill, [0, 0, 0]) >= contrast(fill, [255, 255, 255]) ? '#000000' : '#ffffff');

  const vanished = (i) => found(i) === 'c' && data.h[i] === 0 && data.b[i] > 0;
  const appeared = (i) => found(i) === 'c' && data.b[i] === 0 && data.h[i] > 0;
  const glyph = (i) => (found(i) !== 'c' ? '' : change(i) < 0 ? '▼ ' : '▲ ');
  const remark = (i) => {
    if (found(i) !== 'c') return '';
    return '  ' + signed(change(i)) + (vanished(i) ? ' gone' : appeared(i) ? ' new' : '');
  };

  /* Where frames are: x and w in CSS pixels for the current zoom; rows by depth. */
  const canvas = $('canvas'), scroll = $('scroll'), pen = canvas.getContext('2d');
  let boxes = [], rows = 0, size = { w: 0, h: 0 };
  const place = () => {
    boxes = [];
    rows = 0;
    const ancestors = [];
    for (let i = parent[state.zoom]; i >= 0; i = parent[i]) ancestors.unshift(i);
    for (const i of ancestors) boxes.push({ i, x: 0, w: size.w, y: data.depth[i], faded: true });
    const walk = [{ i: state.zoom, x: 0, w: size.w }];
    const perUnit = width[state.zoom] > 0 ? size.w / width[state.zoom] : 0;
    while (walk.length) {
      const { i, x, w } = walk.pop();
      boxes.push({ i, x, w, y: data.depth[i], faded: false });
      rows = Math.max(rows, data.depth[i] + 1);
      let at = x;
      for (let child = i + 1; child < end[i]; child = end[child]) {
        const wide = width[child] * perUnit;
        if (wide >= 0.4) walk.push({ i: child, x: at, w: wide });
        at += wide;
      }
    }
    $('spacer').style.height = rows * ROW + 'px';
  };

  const resize = () => {
    const box = scroll.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    size = { w: Math.max(50, scroll.clientWidth - 16), h: Math.max(60, Math.floor(box.height)) };
    canvas.width = Math.round(size.w * ratio);
    canvas.height = Math.round(size.h * ratio);
    canvas.style.width = size.w + 'px';
    canvas.style.height = size.h + 'px';
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  };

  const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif';
  const fits = (text, room) => {
    if (room < 22) return '';
    const whole = pen.measureText(text).width;
    if (whole <= room) return text;
    let letters = Math.floor((text.length * room) / whole) - 1;
    while (letters >= 3 && pen.measureText(text.slice(0, letters) + '…').width > room) letters--;
    return letters < 3 ? '' : text.slice(0, letters) + '…';
  };

  /* As much as there is room for: the whole name, else its last part, which says more than its beginning. */
  const label = (i, room) => {
    const name = nameOf(i), last = name.replace(/^.*(::|\/)(?=[^:/<>{][^:/<>]*(::\{\{[a-z_]+\}\})*$)/, '');
    for (const text of [name + remark(i), name, last + remark(i)]) {
      if (text.length * 4 < room && pen.measureText(glyph(i) + text).width <= room) return glyph(i) + text;
    }
    return fits(glyph(i) + last, room);
  };

  const draw = () => {
    pen.clearRect(0, 0, size.w, size.h);
    pen.font = FONT;
    pen.textBaseline = 'middle';
    const top = scroll.scrollTop;
    for (const box of boxes) {
      const y = box.y * ROW - top;
      if (y > size.h || y < -ROW) continue;
      drawBox(box, y);
    }
    for (const [i, style, line] of [[state.hover, css(colours.ink), 1], [state.focus, css(colours.focus), 2]]) {
      const box = i >= 0 && boxes.find((of) => of.i === i);
      if (!box) continue;
      pen.strokeStyle = style;
      pen.lineWidth = line;
      pen.strokeRect(box.x + line / 2, box.y * ROW - top + line / 2, Math.max(1, box.w - line), ROW - 1 - line);
    }
  };

  const drawBox = ({ i, x, w, faded }, y) => {
    const high = ROW - 1, wide = Math.max(0.5, w - (w > 3 ? 0.7 : 0));
    const gone = state.view !== 'base' && vanished(i);
    let fill = ramp(change(i), found(i));
    if (gone) fill = blend(fill, colours.panel, 0.62);
    if (faded) fill = blend(fill, colours.panel, 0.45);
    const hit = state.matches && state.matches[i];
    if (state.matches && !hit) fill = blend(fill, colours.panel, 0.55);
    pen.fillStyle = css(fill);
    pen.fillRect(x, y, wide, high);
    const strip = w > 4 && ownFound(i) === 'c' && !faded;
    if (strip) {
      pen.fillStyle = css(ramp(ownChange(i), 'c'));
      pen.fillRect(x, y, wide, 3);
      pen.fillStyle = css(colours.panel);
      pen.fillRect(x, y + 3, wide, 1);
    }
    if (w > 5 && (gone || appeared(i))) {
      pen.strokeStyle = css(gone ? colours.less : colours.ink);
      pen.lineWidth = gone ? 1.2 : 1.6;
      pen.setLineDash(gone ? [4, 3] : []);
      pen.strokeRect(x + 1, y + 1, wide - 2, high - 2);
      pen.setLineDash([]);
    }
    if (hit) {
      pen.fillStyle = css(colours.match);
      pen.fillRect(x, y + high - 4, wide, 4);
    }
    const text = w > 24 ? label(i, w - 9) : '';
    if (text) {
      pen.fillStyle = inkOn(fill);
      pen.fillText(text, x + 5, y + high / 2 + (strip ? 2.5 : 1));
    }
  };

  /* Search: what is matched is counted once on every path. */
  const search = () => {
    const query = state.query;
    state.matches = null;
    const input = $('search');
    input.setCustomValidity('');
    if (query) {
      let test;
      if (state.regex) {
        try {
          const pattern = new RegExp(query);
          test = (name) => pattern.test(name);
        } catch (error) {
          input.setCustomValidity(String(error.message));
          $('matched').textContent = 'not a regular expression';
          return;
        }
      } else {
        const wanted = query.toLowerCase();
        test = (name) => name.toLowerCase().includes(wanted);
      }
      const named = data.names.map((name, at) => test(name) || (data.raw[at] !== null && test(data.raw[at])));
      state.matches = new Uint8Array(count);
      const sum = { before: 0, after: 0, frames: 0 };
      for (let i = 0, covered = 0; i < count; i++) {
        if (data.name[i] < 0 || !named[data.name[i]]) continue;
        state.matches[i] = 1;
        sum.frames++;
        if (i >= covered) {
          covered = end[i];
          sum.before += before(i);
          sum.after += after(i);
        }
      }
      $('matched').textContent = sum.frames
        ? `matched ${amount(sum.before)} → ${amount(sum.after)}` +
          (state.unit === 'share' ? '' : ` (${percent(sum.before / (before(0) || 1))} → ${percent(sum.after / (after(0) || 1))})`)
        : 'no frame that is drawn matches';
    } else {
      $('matched').textContent = '';
    }
  };

  /* What is said of a frame. */
  const words = (finding) =>
    finding === 'c'
      ? 'With callees it changed: of all frames said to have changed at most 1 % are chance.'
      : finding === 'n'
        ? 'With callees: no detectable change.'
        : 'Fewer than 5 samples on both sides together: not judged.';
  const element = (tag, text, kind) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const fillTip = (i) => {
    const tip = $('tip');
    tip.replaceChildren();
    tip.append(element('div', nameOf(i), 'name'));
    const raw = data.name[i] >= 0 && data.raw[data.name[i]];
    if (raw) tip.append(element('div', raw, 'raw'));
    const table = element('table'), head = element('tr');
    for (const title of ['', 'before', 'after', 'change', '95 %']) head.append(element('th', title));
    table.append(head);
    const unit = data[state.unit];
    const row = (label, from, to, low, high, finding) => {
      const line = element('tr');
      line.append(element('th', label), element('td', amount(from)), element('td', amount(to)));
      const kind = finding !== 'c' ? '' : to < from ? 'less' : 'more';
      line.append(element('td', signed(to - from), kind), element('td', `${signed(low)} to ${signed(high)}`));
      table.append(line);
    };
    row('with callees', before(i), after(i), unit.low[i], unit.high[i], found(i));
    row('itself', ownBefore(i), ownAfter(i), unit.own_low[i], unit.own_high[i], ownFound(i));
    const f = functionOf.get(data.name[i]);
    if (f !== undefined && frames.get(data.name[i]) > 1) {
      const { b, bo, h, ho } = data.functions, all = data.functions[state.unit];
      row('with callees, everywhere', b[f] * factor('base'), h[f] * factor('head'), all.low[f], all.high[f], all.found[f]);
      row('itself, everywhere', bo[f] * factor('base'), ho[f] * factor('head'), all.own_low[f], all.own_high[f], all.own_found[f]);
    }
    tip.append(table);
    const share = state.unit === 'share' ? '' : `${percent(data.b[i])} → ${percent(data.h[i])} of the profile. `;
    tip.append(element('div', share + words(found(i)), 'words'));
  };
  const showTip = (i, x, y) => {
    const tip = $('tip');
    if (i < 0) {
      tip.hidden = true;
      return;
    }
    fillTip(i);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(6, Math.min(x + 14, window.innerWidth - box.width - 8)) + 'px';
    tip.style.top = (y + box.height + 26 > window.innerHeight ? Math.max(6, y - box.height - 12) : y + 18) + 'px';
  };

  /* The page around the graph. */
  const verdict = () => {
    const line = $('verdict');
    line.replaceChildren();
    if (data.per_request) {
      const [from, to] = [data.base.us, data.head.us];
      const us = (value) => { const kept = state.unit; state.unit = 'per_request'; const text = amount(value); state.unit = kept; return text; };
      const ratio = to <= 0 || to === from ? '' : from / to >= 2 ? `÷${digits(from / to)}` : to / from >= 2 ? `×${digits(to / from)}` : (to < from ? '−' : '+') + percent(Math.abs(to / from - 1));
      line.append(element('span', UNITS[data.unit][0] + ' '), element('strong', `${us(from)} → ${us(to)} `));
      if (ratio) line.append(element('strong', ratio, data.per_request.found[0] !== 'c' ? '' : to < from ? 'less' : 'more'));
      line.append(element('span', '  ·  '));
    }
    const of = (side) => `${side.label}: ${side.samples.toLocaleString('en')} samples` + (side.slices > 1 ? ` in ${side.slices} slices` : '');
    line.append(element('span', `${of(data.base)}  ·  ${of(data.head)}`));
  };
  const legend = () => {
    const box = $('legend');
    box.replaceChildren();
    const item = (paint, text, wide = 26) => {
      const line = element('span', undefined, 'item');
      const swatch = document.createElement('canvas');
      const ratio = window.devicePixelRatio || 1;
      [swatch.width, swatch.height] = [wide * ratio, 14 * ratio];
      [swatch.style.width, swatch.style.height] = [wide + 'px', '14px'];
      const brush = swatch.getContext('2d');
      brush.scale(ratio, ratio);
      paint(brush, wide);
      line.append(swatch, element('span', text));
      box.append(line);
    };
    if (widest > 0) {
      const scale = element('span', undefined, 'item');
      scale.append(element('span', `▼ ${signed(-widest)}`));
      box.append(scale);
      item((brush, wide) => {
        for (let x = 0; x < wide; x++) {
          const part = (x / (wide - 1)) * 2 - 1;
          brush.fillStyle = css(ramp(Math.sign(part) * part * part * widest, Math.abs(part) < 0.04 ? 'n' : 'c'));
          brush.fillRect(x, 0, 1, 14);
        }
      }, `▲ ${signed(widest)} with callees`, 150);
    }
    const block = (brush, wide, fill) => { brush.fillStyle = css(fill); brush.fillRect(0, 0, wide, 14); };
    item((brush, wide) => block(brush, wide, colours.same), 'no detectable change');
    item((brush, wide) => { block(brush, wide, colours.same); brush.fillStyle = css(colours.more); brush.fillRect(0, 0, wide, 4);
      brush.fillStyle = css(colours.panel); brush.fillRect(0, 4, wide, 1);
    }, 'strip: itself changed');
    item((brush, wide) => {
      block(brush, wide, blend(colours.less, colours.panel, 0.62));
      brush.strokeStyle = css(colours.less); brush.setLineDash([4, 3]); brush.strokeRect(1, 1, wide - 2, 12);
    }, 'gone');
    item((brush, wide) => {
      block(brush, wide, colours.more);
      brush.strokeStyle = css(colours.ink); brush.lineWidth = 1.6; brush.strokeRect(1, 1, wide - 2, 12);
    }, 'new');
  };
  const crumbs = () => {
    const path = [];
    for (let i = parent[state.zoom]; i > 0; i = parent[i]) path.push(nameOf(i));
    const what = {
      union: state.unit === 'share' ? 'Widths: the larger share of both sides' : 'Widths: the larger of both sides',
      base: 'Widths: before', head: 'Widths: after',
    }[state.view];
    const note = state.unit === 'share' ? ' · shares sum to 100 %: one can rise because another fell' : ' · click a frame to zoom, point at it for figures';
    $('crumbs').textContent = state.zoom > 0 ? `Zoomed to ${[nameOf(state.zoom), ...path].join(' ‹ ')}` : what + note;
    $('crumbs').title = $('crumbs').textContent;
    $('reset').disabled = state.zoom === 0;
  };
  const movers = () => {
    const { name, bo, ho } = data.functions, finding = data.functions[state.unit].own_found;
    const all = name.map((_, f) => ({ f, from: bo[f] * factor('base'), to: ho[f] * factor('head') }));
    const top = all.filter(({ from, to }) => from !== to).sort((a, b) => Math.abs(b.to - b.from) - Math.abs(a.to - a.from)).slice(0, 14);
    const body = $('movers').tBodies[0];
    body.replaceChildren();
    for (const { f, from, to } of top) {
      const sure = finding[f] === 'c', text = data.names[name[f]], drawn = frames.has(name[f]);
      const line = element('tr', undefined, !sure ? 'same' : to < from ? 'less' : 'more');
      const label = element('td'), button = element('button', text.replace(/::|[./]/g, '$&\u200b'));
      button.type = 'button';
      label.append(button, element('div', `${amount(from)} → ${amount(to)}` + (drawn ? '' : ' · frames too narrow to be drawn'), 'sub'));
      const mark = { c: to < from ? '▼ ' : '▲ ', n: '? ', f: 'few ' }[finding[f]];
      line.append(label, element('td', mark + signed(to - from)));
      line.addEventListener('click', () => setSearch(`^${text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`, true));
      body.append(line);
    }
    $('still').hidden = top.length > 0;
  };
  const pressed = () => {
    for (const button of $('views').children) button.setAttribute('aria-pressed', String(button.dataset.view === state.view));
    for (const button of $('units').children) {
      button.setAttribute('aria-pressed', String(button.dataset.unit === state.unit));
      button.disabled = !data[button.dataset.unit];
      if (button.dataset.unit !== 'share') button.textContent = UNITS[data.unit][1];
    }
  };

  const redraw = () => { resize(); place(); draw(); };
  const refresh = () => { layout(); pressed(); search(); crumbs(); legend(); movers(); redraw(); };
  const setView = (view) => { state.view = view; refresh(); };
  const setUnit = (unit) => { if (data[unit]) { state.unit = unit; refresh(); } };
  const setZoom = (i) => {
    state.zoom = i;
    crumbs();
    place();
    if (i === 0) scroll.scrollTop = 0;
    draw();
  };
  const setSearch = (query, regex) => {
    [state.query, state.regex] = [query, regex];
    $('search').value = query;
    $('regex').checked = regex;
    search();
    draw();
  };
  const setTheme = (theme) => {
    document.documentElement.dataset.theme = theme;
    readColours();
    legend();
    draw();
  };
  const otherTheme = () => setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
  const setFocus = (i) => {
    state.focus = i;
    const box = boxes.find((of) => of.i === i);
    if (!box) return;
    const y = box.y * ROW;
    if (y < scroll.scrollTop) scroll.scrollTop = y;
    if (y + ROW > scroll.scrollTop + size.h) scroll.scrollTop = y + ROW - size.h;
    draw();
    const at = canvas.getBoundingClientRect();
    showTip(i, at.left + box.x, at.top + y - scroll.scrollTop);
    $('announce').textContent = `${nameOf(i)}: ${amount(before(i))} before, ${amount(after(i))} after. ${words(found(i))}`;
  };
  const shown = (i) => boxes.some((box) => box.i === i);
  const move = (key) => {
    const at = state.focus >= 0 && shown(state.focus) ? state.focus : state.zoom;
    if (state.focus !== at) return setFocus(at);
    let to = -1;
    if (key === 'ArrowUp') to = parent[at];
    if (key === 'ArrowDown') to = kids(at).filter(shown).sort((a, b) => width[b] - width[a])[0] ?? -1;
    if (key === 'ArrowLeft' || key === 'ArrowRight') {
      const siblings = parent[at] < 0 ? [] : kids(parent[at]).filter(shown);
      to = siblings[siblings.indexOf(at) + (key === 'ArrowLeft' ? -1 : 1)] ?? -1;
    }
    if (to >= 0) setFocus(to);
  };

  const under = (event) => {
    const at = canvas.getBoundingClientRect();
    const x = event.clientX - at.left, row = Math.floor((event.clientY - at.top + scroll.scrollTop) / ROW);
    if (event.clientY < at.top || event.clientY > at.bottom) return -1;
    const box = boxes.find((of) => of.y === row && x >= of.x && x < of.x + of.w);
    return box ? box.i : -1;
  };
  canvas.addEventListener('mousemove', (event) => {
    state.hover = under(event);
    showTip(state.hover, event.clientX, event.clientY);
    draw();
  });
  canvas.addEventListener('mouseleave', () => { state.hover = -1; showTip(-1); draw(); });
  canvas.addEventListener('click', (event) => {
    const i = under(event);
    if (i >= 0) { state.focus = i; setZoom(i); }
  });
  scroll.addEventListener('scroll', () => { showTip(-1); draw(); });
  scroll.addEventListener('blur', () => { state.focus = -1; showTip(-1); draw(); });
  $('views').addEventListener('click', (event) => { if (event.target.dataset.view) setView(event.target.dataset.view); });
  $('units').addEventListener('click', (event) => { if (event.target.dataset.unit) setUnit(event.target.dataset.unit); });
  $('search').addEventListener('input', () => setSearch($('search').value, $('regex').checked));
  $('regex').addEventListener('change', () => setSearch($('search').value, $('regex').checked));
  $('reset').addEventListener('click', () => setZoom(0));
  $('theme').addEventListener('click', otherTheme);
  const toggleKeys = () => {
    $('keys').hidden = !$('keys').hidden;
    $('help').setAttribute('aria-expanded', String(!$('keys').hidden));
    redraw();
  };
  $('help').addEventListener('click', toggleKeys);
  const key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target === $('search');
    if (event.key === 'Escape') {
      if (typing) $('search').blur();
      if (typing && state.query) setSearch('', state.regex);
      else setZoom(0);
      showTip(-1);
      return;
    }
    if (typing || (event.key === 'Enter' && event.target instanceof HTMLButtonElement)) return;
    const act = {
      0: () => setZoom(0), '/': () => $('search').focus(), u: () => setView('union'), b: () => setView('base'), a: () => setView('head'),
      m: () => setUnit(state.unit === 'share' ? 'per_request' : 'share'), t: otherTheme, '?': toggleKeys,
    }[event.key];
    if (act) {
      event.preventDefault();
      act();
    } else if (event.key.startsWith('Arrow')) {
      event.preventDefault();
      move(event.key);
    } else if (event.key === 'Enter' && state.focus >= 0) {
      const zoomed = state.focus;
      setZoom(zoomed);
      setFocus(zoomed);
    }
  };
  document.addEventListener('keydown', key);
  window.addEventListener('resize', redraw);
  const night = window.matchMedia('(prefers-color-scheme: dark)');
  night.addEventListener('change', () => setTheme(night.matches ? 'dark' : 'light'));

  $('title').textContent = data.title;
  for (const note of data.notes) $('notes').append(element('p', note));
  $('pruned').textContent = data.pruned.frames
    ? `${data.pruned.frames.toLocaleString('en')} frames below ${percent(data.pruned.below)} of both sides are left out; ` +
      `they are the leaf of ${percent(data.pruned.base)} of the samples before and ${percent(data.pruned.head)} after.`
    : '';
  /* `#view=head&unit=share&search=…&theme=dark` opens the page as it was. */
  const wish = new URLSearchParams(location.hash.slice(1));
  document.documentElement.dataset.theme = wish.get('theme') ?? (night.matches ? 'dark' : 'light');
  readColours();
  if (['union', 'base', 'head'].includes(wish.get('view'))) state.view = wish.get('view');
  if (wish.get('unit') === 'share') state.unit = 'share';
  verdict();
  refresh();
  if (wish.get('search')) setSearch(wish.get('search'), wish.has('regex'));
  if (wish.has('zoom')) {
    const named = [...width.keys()].filter((i) => data.name[i] >= 0 && data.names[data.name[i]] === wish.get('zoom'));
    if (named.length) setZoom(named.reduce((widest, i) => (width[i] > width[widest] ? i : widest)));
  }
  if (wish.has('selftest')) selfTest();
