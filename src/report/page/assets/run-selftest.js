
  /* `#selftest`: the page tries itself and says how that went, for tests that have nothing but a browser. */
  function selfTest() {
    const results = [];
    const check = (what, holds) => results.push(`${holds ? 'ok' : 'FAILED'} ${what}`);
    const painted = (u) => {
      const { canvas } = u.ctx, pixels = u.ctx.getImageData(0, 0, canvas.width, canvas.height).data, seen = new Set();
      for (let at = 0; at < pixels.length; at += 4) if (pixels[at + 3]) seen.add(`${pixels[at] >> 4},${pixels[at + 1] >> 4},${pixels[at + 2] >> 4}`);
      return seen.size;
    };
    const later = () => new Promise((done) => setTimeout(done, 300));
    const press = (at, key) => at.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    const run = async () => {
      await later();
      for (const { u, figure } of plots.filter((of) => of.figure.clientWidth > 0)) check(`${figure.id} is drawn`, painted(u) > 3 && figure.classList.contains('drawn'));
      const mine = built.get(state.panel) ?? [], panel = data.panels[state.panel];
      if (panel && panel.xs.length > 2) {
        mine[0].root.focus();
        check('a chart takes the focus', document.activeElement === mine[0].root);
        press(mine[0].root, 'Home');
        press(mine[0].root, 'ArrowRight');
        await later();
        check('the cursor moves by keys', mine[0].cursor.idx === 1);
        check(`it is one cursor for all charts (${mine.map((u) => u.cursor.idx)})`, mine.every((u) => u.cursor.idx === 1));
        check('the time at it is told', $('at').textContent.startsWith('at ') && $('live').textContent.includes(' s: '));
        check('legends tell values', [...document.querySelectorAll('.panel:not([hidden]) .legend b')].some((of) => of.textContent));
        const box = mine[0].over.getBoundingClientRect();
        mine[0].over.dispatchEvent(new MouseEvent('mousemove', { clientX: box.left + box.width * 0.9, clientY: box.top + 10, bubbles: true }));
        await later();
        check('the cursor follows the mouse', mine[0].cursor.idx > 1 && mine.every((u) => u.cursor.idx === mine[0].cursor.idx));
        press(mine[0].root, '+');
        await later();
        const { min, max } = mine[0].scales.x;
        check('plus zooms all charts alike', max - min < panel.xs.at(-1) && mine.every((u) => Math.abs(u.scales.x.min - min) < 1e-6));
        press(mine[0].root, 'Escape');
        await later();
        check('Escape shows everything', mine.every((u) => u.scales.x.min === 0));
      }
      const theme = root.dataset.theme, ink = tint.ink;
      press(document, 't');
      check('the theme changes', root.dataset.theme !== theme && tint.ink !== ink);
      press(document, 't');
      const checks = [...document.querySelectorAll('#bar input')];
      if (checks.length) {
        checks[0].click();
        const hides = plots.every(({ u, chart }) => chart.lines.every((line, at) => line.variant !== 0 || !u.series[at + 1].show));
        check('a variant can be hidden', hides);
        checks[0].click();
      }
      const sortable = document.querySelector('table.sortable');
      if (sortable && sortable.tBodies[0].rows.length > 1) {
        const head = [...sortable.tHead.rows[0].cells].findIndex((of) => of.classList.contains('n'));
        sortable.tHead.rows[0].cells[head].querySelector('button').click();
        const values = [...sortable.tBodies[0].rows].map((row) => Number(row.cells[head].dataset.v));
        check('a table is ordered', values.every((value, at) => at === 0 || values[at - 1] >= value));
      }
      const known = new Set(data.curves.flatMap((of) => of.lines).map((line) => plain(line.request ?? '')));
      const request = [...document.querySelectorAll('tr[data-request]')].find((row) => known.has(row.dataset.request))?.querySelector('button');
      if (request) {
        request.click();
        check('a request filters the curves', state.request !== null && plots.some(({ u, chart }) => chart.lines.some((line, at) => line.request === state.request && u.series[at + 1].show)));
        check('the filter is told', $('filter').textContent.includes('alone'));
        filterBy(null);
      }
      const field = document.querySelector('input[type=search]');
      if (field) {
        field.value = 'no such row';
        field.dispatchEvent(new Event('input'));
        check('a search hides rows', [...field.nextElementSibling.querySelectorAll('tbody tr')].every((row) => row.hidden));
        field.value = '';
        field.dispatchEvent(new Event('input'));
      }
      const open = document.querySelector('.graph button');
      if (open) {
        open.click();
        for (let wait = 0; wait < 20 && !document.querySelector('iframe')?.contentDocument?.querySelector('#movers tbody tr'); wait++) await later();
        check('the flame graph runs in its frame', Boolean(document.querySelector('iframe').contentDocument?.querySelector('#movers tbody tr')));
      }
      check('nothing is wider than the window', root.scrollWidth <= root.clientWidth);
      check('nothing was loaded', performance.getEntriesByType('resource').length === 0);
      check('no name became markup', !document.querySelector('main img, main script, main b b, figure iframe'));
      check('nobody was asked anything', !window.owned);
      check('no script or style was refused', refused.length === 0);
      const failed = results.filter((line) => line.startsWith('FAILED')).length;
      const report = element('pre', results.join('\n') + `\n${refused.join('\n')}\nselftest: ${failed ? failed + ' failed' : 'passed'}, ${results.length} checks`);
      report.id = 'selftest';
      document.body.append(report);
    };
    const refused = [];
    document.addEventListener('securitypolicyviolation', (event) => refused.push(`${event.violatedDirective} ${event.blockedURI}`));
    window.addEventListener('error', (event) => refused.push(event.message));
    run().catch((error) => { document.body.append(element('pre', `selftest: ${error.stack}`)); });
  }
