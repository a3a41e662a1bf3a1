// One run: its bars, and what is behind them.

const DOTS = 1500;               // How many memoized results are drawn at most.
let story = null;                // The run, as it was last asked for.
let opened = null;               // The row whose details are shown.
let loading = false, again = false;
let lastDetail = '';

/** Asks for the selected run; what changes meanwhile is asked for once more, after that. */
async function loadRun() {
  if (loading) { again = true; return; }
  if (!selected) return;
  loading = true;
  const id = selected;
  try {
    const found = await ask(`runs/${encodeURIComponent(id)}`);
    if (id === selected) story = found;
  } catch (error) {
    if (id === selected) { story = null; put($('empty'), { text: `Run ${id}: ${error.message}. It may not have begun, or the server is another by now.` }); }
  }
  draw(drawStory);
  setTimeout(() => { loading = false; if (again) { again = false; loadRun(); } }, 120);
}

function axis() { return document.querySelector('input[name=axis]:checked').value; }
/** A bar's or a mark's place in percent. */
function spread(one) {
  if (axis() === 'x') return Array.isArray(one.x) ? one.x.map(x => x * 100) : [one.x * 100, one.x * 100];
  const whole = story.took || 1, of = t => Math.min(100, t / whole * 100);
  return Array.isArray(one.t) ? one.t.map(of) : [of(one.t), of(one.t)];
}
function laid(element, one) {
  const [from, until] = spread(one);
  element.style.left = `${Math.min(from, 99.4)}%`;
  if (Array.isArray(one.x)) element.style.width = `${Math.max(0, until - from)}%`;
  return element;
}

function drawStory() {
  $('story').hidden = !story;
  $('empty').hidden = Boolean(story);
  if (!story) return;
  document.title = `${story.function} · stephttp-dev`;
  put($('function'), { text: story.function });
  put($('status'), { text: story.status, class: `badge ${story.status}` });
  put($('took'), { text: `${story.status === 'Running' ? 'for' : 'after'} ${duration(story.took)}` });
  put($('run-id'), { text: story.run });
  put($('as-text'), { href: `/stephttp/runs/${story.run}/text` });
  put($('as-picture'), { href: `/stephttp/runs/${story.run}/picture`, download: `${story.run}.svg` });
  $('cancel').hidden = story.status !== 'Running';
  const shown = [...story.notes.filter(note => note.violation).slice(-100), ...story.notes.filter(note => !note.violation).slice(-3)];
  const notes = shown.map(note => make('li', { class: note.violation ? 'violation' : 'retry' },
    make('b', { text: note.violation ? 'Violation' : 'Retry' }), `${note.words} (after ${duration(note.t)})`));
  $('notes').replaceChildren(...notes);
  drawMarks();
  drawBars();
  drawDetail();
}

function drawMarks() {
  const marks = [];
  if (axis() === 't') {
    for (let n = 0; n < 5; n++) marks.push({ x: n / 5, t: n / 5 * story.took, text: `+${duration(n / 5 * story.took)}` });
  } else marks.push(...story.marks);
  // On a narrow screen there is room for fewer offsets.
  let free = 0;
  const least = 66 / Math.max(1, $('marks').clientWidth);
  const fits = mark => mark.end || (mark.x >= free && Boolean(free = mark.x + least));
  $('marks').replaceChildren(...marks.filter(fits).map(mark => {
    const element = make('span', { class: mark.end ? 'gap' : 'mark', text: mark.text });
    element.style.left = `${mark.x * 100}%`;
    if (mark.end) element.style.width = `${(mark.end - mark.x) * 100}%`;
    return element;
  }));
}

function drawBars() {
  const own = $('hidden-steps').checked;
  const lines = [{ key: 'requests', label: 'Requests', requests: true }];
  for (const step of story.steps) if (own || !step.hidden) lines.push({ key: step.hash, label: step.label, step });
  const known = new Map([...$('bars').children].map(row => [row.dataset.key, row]));
  // In which re-entries a step was there already.
  const dots = new Map();
  let count = 0;
  for (const request of story.requests) {
    for (const label of request.memoized) {
      if (++count > DOTS) break;
      if (!dots.has(label)) dots.set(label, []);
      dots.get(label).push(request);
    }
  }
  lines.forEach((line, place) => {
    const memoized = line.step ? dots.get(line.step.label) || [] : [];
    const drawn = JSON.stringify([axis(), story.took, line.requests ? [story.requests, story.calls, story.notes] : line.step, memoized.map(one => one.x)]);
    let row = known.get(line.key);
    known.delete(line.key);
    if (!row) {
      row = make('button', { type: 'button', class: 'row' }, make('span', { class: 'label' }), make('span', { class: 'track', 'aria-hidden': 'true' }));
      row.dataset.key = line.key;
    }
    if ($('bars').children[place] !== row) $('bars').insertBefore(row, $('bars').children[place] || null);
    put(row, { 'aria-expanded': String(opened === line.key), tabindex: place === 0 || opened === line.key ? '0' : '-1' });
    if (row.drawn === drawn) return;
    row.drawn = drawn;
    put(row, { class: line.step && line.step.hidden ? 'row own' : 'row', 'aria-label': spoken(line) });
    put(row.firstChild, { text: line.label, title: line.label });
    row.lastChild.replaceChildren(...(line.requests ? requestBars() : stepBars(line.step, memoized)));
  });
  known.forEach(row => row.remove());
}

function requestBars() {
  const bars = story.requests.map(one => laid(make('i', {
    class: `bar ${one.failed ? 'failed' : one.n ? 'reentry' : 'client'}${one.open ? ' open' : ''}`, title: one.title,
  }), one));
  const calls = story.calls.map(one => laid(make('i', {
    class: one.status ? 'call' : 'call lost', title: `${one.request}: ${one.status || 'no answer'}`,
  }), one));
  const flags = story.notes.filter(note => note.violation).map(one => laid(make('i', { class: 'flag', title: one.words }), one));
  return [...bars, ...calls, ...flags];
}

function stepBars(step, memoized) {
  const bars = step.bars.map(one => {
    const kind = one.kind === 'step' ? 'step' : 'wait';
    const end = ['failed', 'retried', 'timedout'].includes(one.outcome) ? ` ${one.outcome}` : '';
    return laid(make('i', { class: `bar ${kind}${end}${one.open && story.status === 'Running' ? ' open' : ''}`, title: one.words }), one);
  });
  const dots = memoized.map(request => {
    const dot = make('i', { class: 'memo', title: `memoized in re-entry ${request.n}` });
    dot.style.left = `${Math.min(spread(request)[0], 99.4)}%`;
    return dot;
  });
  return [...bars, ...dots];
}

function spoken(line) {
  if (line.requests) return `Requests: the client's, and ${plural(story.requests.length - 1, 're-entry', 're-entries')}`;
  const last = line.step.bars.at(-1);
  return `${line.label}: ${line.step.status}${last ? `, ${last.words}` : ''}`;
}

/** The details of a row, which are there until another is opened. */
async function drawDetail() {
  const detail = $('detail'), run = story.run;
  const step = story.steps.find(one => one.hash === opened);
  // Places change while time goes by; what is read here does not, and what has been unfolded stays so.
  const state = JSON.stringify([run, opened, step ? [step.status, step.value, step.bars.map(bar => bar.words)] : null,
    opened === 'requests' ? story.requests.map(({ n, answer, ran, special }) => [n, answer, ran, special]) : null, opened ? null : story.response]);
  if (state === lastDetail) return;
  lastDetail = state;
  const parts = [];
  if (opened === 'requests') {
    parts.push(make('h2', { text: 'Requests' }));
    for (const one of story.requests) parts.push(...requestDetail(one));
  } else if (step) {
    parts.push(make('h2', { text: step.label }), make('p', { class: 'id', text: `${step.op}, ${step.status}` }));
    parts.push(make('ul', { class: 'facts' }, ...step.bars.map(bar => {
      const due = bar.due !== null && bar.open ? `; ends by itself after ${duration(bar.due)}` : '';
      return make('li', {}, make('span', { class: 'when', text: `+${duration(bar.t[0])}` }), bar.words + due);
    })));
    const memoized = story.requests.filter(one => one.memoized.includes(step.label)).map(one => one.n);
    if (memoized.length) parts.push(make('p', { text: `Memoized in ${plural(memoized.length, 're-entry', 're-entries')}: ${memoized.slice(0, 40).join(', ')}` }));
    if (step.value !== null) parts.push(make('h3', { text: step.status === 'Failed' || step.status === 'Retrying' ? 'Error' : 'Value' }), ...value(step.value, `steps/${step.hash}`));
  } else {
    parts.push(make('p', { class: 'id', text: 'Select a row to see its attempts and values.' }));
    if (story.response) {
      parts.push(make('h3', { text: story.response.status ? `Response: ${story.response.status}` : 'Output' }));
      parts.push(...value(story.response.body, 'response'));
    }
  }
  detail.replaceChildren(...parts);
}

function requestDetail(one) {
  const facts = [`${one.name}: ${one.answer}`];
  if (one.n) facts.push(one.memoized.length ? `memoized: ${one.memoized.join(', ')}` : 'nothing was memoized');
  facts.push(one.ran.length ? `ran: ${one.ran.join(', ')}` : 'ran no step');
  const title = one.n ? `Re-entry ${one.n}${one.special}` : 'Client’s request';
  const parts = [make('h3', { text: `${title}, after ${duration(one.t[0])}` }), make('ul', { class: 'facts' }, ...facts.map(text => make('li', { text })))];
  if (one.body) {
    const shown = make('div');
    const body = make('details', {}, make('summary', { text: 'What was answered' }), shown);
    body.addEventListener('toggle', () => { if (body.open && !shown.firstChild) shown.append(...value(one.body, `answers/${one.n}`)); });
    parts.push(body);
  }
  return parts;
}

/** A value: at once as far as it is known, and then as a whole. */
function value(known, path) {
  if (known === '') return [make('p', { class: 'id', text: '(empty)' })];
  const pre = make('pre', { tabindex: '0', text: pretty(known) });
  if (known.endsWith('…')) {
    const run = story.run;
    const whole = make('button', { type: 'button', text: 'Show all of it' });
    whole.addEventListener('click', async () => {
      try { pre.textContent = JSON.stringify(await ask(`runs/${run}/${path}`), null, 2); whole.remove(); } catch (error) { say(error.message, true); }
    });
    return [pre, whole];
  }
  return [pre];
}
function pretty(text) { try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; } }

function open(key) {
  opened = opened === key ? null : key;
  draw(drawStory);
}
$('bars').addEventListener('click', event => {
  const row = event.target.closest('.row');
  if (row) open(row.dataset.key);
});
$('bars').addEventListener('keydown', event => {
  const row = event.target.closest('.row'), all = [...$('bars').children], place = all.indexOf(row);
  const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: all.length - 1 }[event.key];
  if (next !== undefined) {
    event.preventDefault();
    const wanted = all[Math.min(all.length - 1, Math.max(0, next))];
    wanted.focus();
    wanted.scrollIntoView({ block: 'nearest' });
  } else if (event.key === 'Escape' || event.key === 'ArrowLeft') {
    event.preventDefault();
    $('runs').focus();
  }
});
$('cancel').addEventListener('click', () => act(`runs/${selected}/cancel`, {}, () => 'The run has been cancelled.'));
document.querySelectorAll('input[name=axis], #hidden-steps').forEach(input => input.addEventListener('change', () => draw(drawStory)));

// Where time goes by itself, runs that have not ended take longer and longer.
setInterval(() => {
  if (document.hidden || !server || server.clock !== 'real') return;
  if ([...runs.values()].some(run => run.ended === null)) draw(drawRows);
  if (story && story.status === 'Running') loadRun();
}, 1000);
follow();
listen();
