// The list of runs: as many rows as fit, however many runs there are.

const HEIGHT = 52;
const rows = new Map();          // Elements by the ids of their runs.
let listed = [];                 // Ids, the latest first.

function drawRuns() {
  const wanted = $('filter').value.trim().toLowerCase();
  const matches = run => !wanted || [run.function, run.id, run.status].some(text => text.toLowerCase().includes(wanted));
  const before = listed.length, top = $('runs').scrollTop;
  listed = [...runs.values()].filter(matches).map(run => run.id).reverse();
  $('rows').style.height = `${listed.length * HEIGHT}px`;
  // Who reads further down goes on reading there.
  if (top > 0 && listed.length > before && !wanted) $('runs').scrollTop = top + (listed.length - before) * HEIGHT;
  $('none').hidden = runs.size > 0;
  put(document.querySelector('h1'), { text: runs.size ? `Runs (${runs.size.toLocaleString()})` : 'Runs' });
  drawRows();
}

function drawRows() {
  const list = $('runs');
  const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 4);
  const last = Math.min(listed.length, Math.ceil((list.scrollTop + list.clientHeight) / HEIGHT) + 4);
  const shown = new Set(listed.slice(first, last));
  for (const [id, row] of rows) if (!shown.has(id)) { row.remove(); rows.delete(id); }
  for (let place = first; place < last; place++) {
    const run = runs.get(listed[place]);
    let row = rows.get(run.id);
    if (!row) {
      row = make('div', { role: 'option', id: `r-${run.id}` }, make('span', { class: 'name' }), make('span', { class: 'more' }));
      row.dataset.run = run.id;
      rows.set(run.id, row);
      $('rows').append(row);
    }
    const took = run.ended === null ? Math.max(0, now() - run.began) : run.ended - run.began;
    const mistakes = run.violations ? `${plural(run.violations, 'violation')} · ` : '';
    const doing = run.ended === null && run.doing ? run.doing : `${run.status.toLowerCase()}, ${plural(run.steps, 'step')}`;
    put(row, {
      class: `item ${run.status}${run.violations ? ' mistaken' : ''}`, 'aria-selected': String(run.id === selected),
      'aria-posinset': String(place + 1), 'aria-setsize': String(listed.length),
    });
    row.style.top = `${place * HEIGHT}px`;
    put(row.firstChild, { text: run.function });
    put(row.lastChild, { text: `${time(run.began)} · ${duration(took)} · ${mistakes}${doing}` });
  }
  if (selected && rows.has(selected)) put(list, { 'aria-activedescendant': `r-${selected}` });
  else list.removeAttribute('aria-activedescendant');
}

function select(id, reveal = true) {
  if (selected !== id) { selected = id; opened = null; story = null; lastDetail = ''; loadRun(); }
  if (location.hash !== `#run=${id}`) history.replaceState(null, '', `#run=${id}`);
  const place = listed.indexOf(id);
  if (reveal && place >= 0) {
    const list = $('runs'), top = place * HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + HEIGHT - list.clientHeight;
  }
  draw(drawRows);
}

$('runs').addEventListener('scroll', () => draw(drawRows), { passive: true });
addEventListener('resize', () => draw(drawRows));
$('filter').addEventListener('input', () => draw(drawRuns));
$('rows').addEventListener('click', event => {
  const row = event.target.closest('.item');
  if (row) select(row.dataset.run, false);
});
$('runs').addEventListener('keydown', event => {
  const place = listed.indexOf(selected), page = Math.max(1, Math.floor($('runs').clientHeight / HEIGHT) - 1);
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  if (event.key === 'Enter' || event.key === 'ArrowRight') {
    event.preventDefault();
    const row = document.querySelector('#bars .row');
    if (row) row.focus();
  } else if (event.key in steps && listed.length) {
    event.preventDefault();
    select(listed[Math.min(listed.length - 1, Math.max(0, place + steps[event.key]))]);
  }
});

function follow() {
  const id = new URLSearchParams(location.hash.slice(1)).get('run');
  if (id) select(id);
}
addEventListener('hashchange', follow);
