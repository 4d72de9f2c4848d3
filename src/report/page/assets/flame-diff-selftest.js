  /* `#selftest`: the page tries itself and says how that went, for tests that have nothing but a browser. */
  function selfTest() {
    const results = [];
    const check = (what, holds) => results.push(`${holds ? 'ok' : 'FAILED'} ${what}`);
    const near = (a, b) => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b));
    const press = (name) => document.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true }));
    const painted = () => {
      const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
      const seen = new Set();
      for (let at = 0; at < pixels.length; at += 4 * 97) if (pixels[at + 3]) seen.add(`${pixels[at]},${pixels[at + 1]},${pixels[at + 2]}`);
      return seen.size;
    };
    const units = ['per_request', 'share'].filter((unit) => data[unit]);
    for (const unit of units) {
      for (const view of ['union', 'base', 'head']) {
        setUnit(unit);
        setView(view);
        check(`${unit} ${view}: something is drawn`, boxes.length > 1 && painted() > 1);
        let fitting = true;
        for (let i = 0; i < count; i++) fitting &&= kids(i).reduce((sum, child) => sum + width[child], 0) <= width[i] * (1 + 1e-6) + 1e-12;
        check(`${unit} ${view}: callees are within their callers`, fitting);
        if (view === 'union') {
          let holding = true;
          for (let i = 0; i < count; i++) holding &&= width[i] * (1 + 1e-6) + 1e-12 >= Math.max(before(i), after(i));
          check(`${unit} union: no side is wider than its frame`, holding);
        }
      }
    }
    setUnit(units[0]);
    press('u');
    check('key u shows the union', state.view === 'union');
    press('a');
    check('key a shows after', state.view === 'head' && near(width[0], after(0)));
    press('b');
    check('key b shows before', state.view === 'base' && near(width[0], before(0)));
    press('u');
    press('m');
    check('key m changes the unit', units.length === 1 || state.unit === 'share');
    setUnit(units[0]);
    const child = kids(0).sort((a, b) => width[b] - width[a])[0];
    scroll.focus();
    press('ArrowDown');
    press('ArrowDown');
    check('arrows move to the widest callee', state.focus === child);
    press('Enter');
    check('Enter zooms', state.zoom === child && near(boxes.find((box) => box.i === child).w, size.w));
    check('callers of the zoomed frame stay', boxes.some((box) => box.i === 0 && box.faded));
    press('Escape');
    check('Escape resets', state.zoom === 0 && !boxes.some((box) => box.faded));
    const box = boxes.find((of) => of.i === child), at = canvas.getBoundingClientRect();
    const mouse = (kind) => canvas.dispatchEvent(new MouseEvent(kind, { clientX: at.left + box.x + box.w / 2, clientY: at.top + box.y * ROW + 5, bubbles: true }));
    mouse('mousemove');
    check('the tooltip names the frame', !$('tip').hidden && $('tip').textContent.includes(nameOf(child)) && $('tip').textContent.includes('before'));
    mouse('click');
    check('a click zooms', state.zoom === child);
    press('0');
    check('key 0 resets', state.zoom === 0);
    setSearch(nameOf(child), false);
    check('a search by text matches', state.matches[child] === 1 && $('matched').textContent.startsWith('matched'));
    setSearch('.', true);
    check('a search by pattern matches everything once', $('matched').textContent.includes(`${amount(kids(0).reduce((sum, i) => sum + before(i), 0))} →`));
    setSearch('(', true);
    check('a broken pattern is said', $('matched').textContent === 'not a regular expression');
    setSearch('(', false);
    check('as text it is none', $('matched').textContent !== 'not a regular expression');
    setSearch('no such function', false);
    check('no match is said', $('matched').textContent === 'no frame that is drawn matches');
    const rows = [...$('movers').tBodies[0].rows];
    for (const row of rows) {
      row.querySelector('button').click();
      const only = [...state.matches.keys()].filter((i) => state.matches[i]).map(nameOf);
      const text = row.querySelector('button').textContent.replaceAll('\u200b', '');
      check(`the row of ${text} searches for it alone`, only.every((name) => name === text) && only.length === (frames.get(data.names.indexOf(text)) ?? 0));
    }
    for (const row of rows) {
      const mark = row.cells[1].textContent, text = row.querySelector('button').textContent.replaceAll('\u200b', '');
      const finding = data.functions[state.unit].own_found[functionOf.get(data.names.indexOf(text))];
      check(`the row of ${text} says what its function's finding is`, /^[▼▲]/.test(mark) === (finding === 'c'));
    }
    setSearch('', false);
    const inks = [colours.same, colours.less, colours.more].flatMap((to) => [0, 0.25, 0.5, 0.75, 1].map((part) => blend(colours.same, to, part)));
    const legible = () => inks.every((fill) => contrast(fill, inkOn(fill) === '#000000' ? [0, 0, 0] : [255, 255, 255]) >= 4.5);
    check('labels are legible on every colour', legible());
    press('t');
    const dark = document.documentElement.dataset.theme, paint = painted();
    press('t');
    check('the theme changes', dark !== document.documentElement.dataset.theme && paint > 1);
    check('the legend has numbers', widest === 0 || $('legend').textContent.includes(signed(widest)));
    check('nothing was loaded', performance.getEntriesByType('resource').length === 0);
    check('no name became markup', !document.querySelector('main script, header script, #tip script, img, iframe'));
    const failed = results.filter((line) => line.startsWith('FAILED')).length;
    const report = element('pre', results.join('\n') + `\nselftest: ${failed ? failed + ' failed' : 'passed'}, ${results.length} checks, ${count} frames`);
    report.id = 'selftest';
    document.body.append(report);
  }
