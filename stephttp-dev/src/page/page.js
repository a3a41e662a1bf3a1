'use strict';
// What all of the page needs. Values come into the document as texts alone.

const $ = id => document.getElementById(id);
const runs = new Map();          // By their ids, in the order of creation.
let server = null;               // What the feed last said of the server.
let selected = null;             // The run's id.

/** Makes an element, or changes what it has. */
function put(element, { text, title, ...attributes }) {
  if (text !== undefined && element.textContent !== text) element.textContent = text;
  if (title !== undefined && element.title !== title) element.title = title;
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
  return element;
}
function make(tag, attributes = {}, ...children) {
  const element = put(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}

function duration(ms) {
  if (ms < 1) return ms > 0 ? '<1 ms' : '0 ms';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s < 10 ? Math.round(s * 100) / 100 : Math.round(s * 10) / 10} s`;
  const two = (large, unit, small, smaller) => small ? `${large} ${unit} ${small} ${smaller}` : `${large} ${unit}`;
  const whole = Math.round(s);
  if (whole < 3600) return two(Math.floor(whole / 60), 'min', whole % 60, 's');
  if (whole < 86400) return two(Math.floor(whole / 3600), 'h', Math.floor(whole % 3600 / 60), 'min');
  return two(Math.floor(whole / 86400), 'd', Math.floor(whole % 86400 / 3600), 'h');
}
const time = ms => new Date(ms).toLocaleTimeString();
const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
function now() { return server && server.now !== null ? server.now : Date.now(); }

// All that changes is drawn once a frame.
const dirty = new Set();
function draw(what) {
  if (dirty.size === 0) requestAnimationFrame(() => { const all = [...dirty]; dirty.clear(); all.forEach(one => one()); });
  dirty.add(what);
}

function say(text, bad = false) {
  $('said').className = bad ? 'said bad' : 'said';
  $('said').textContent = text;
}

async function ask(path) {
  const response = await fetch(`/stephttp/${path}`);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error || `${response.status}`);
  return body;
}
async function post(path, body) {
  const response = await fetch(`/stephttp/${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error || `${response.status}`);
  return answer;
}

function listen() {
  const feed = new EventSource('/stephttp/feed');
  feed.onopen = () => { put($('connection'), { text: 'live', class: '' }); };
  feed.onerror = () => { put($('connection'), { text: 'the server is gone; trying again', class: 'lost' }); };
  feed.onmessage = ({ data }) => {
    const news = JSON.parse(data);
    if (news.first) runs.clear();
    for (const run of news.runs) {
      const before = runs.get(run.id);
      runs.set(run.id, run);
      if (run.id === selected && before && before.status !== run.status) say(`The run is now ${run.status}.`);
    }
    server = news.state;
    draw(drawServer);
    draw(drawRuns);
    if (!selected && runs.size) select([...runs.keys()].at(-1), false);
    if (news.first || news.runs.some(run => run.id === selected)) loadRun();
  };
}

const WHY = {
  real: 'Real time cannot be moved.',
  skip: 'Time is skipped by itself.',
  manual: '',
};
function drawServer() {
  const manual = server.clock === 'manual', skip = server.clock === 'skip';
  for (const id of ['amount', 'unit', 'move']) $(id).disabled = !manual;
  $('hold-time').disabled = !skip;
  put($('hold-time'), { 'aria-pressed': String(server.held), title: skip ? '' : 'Time can be held where it is skipped.' });
  put($('hold-dispatches'), { 'aria-pressed': String(server.dispatchesHeld) });
  put($('clock-why'), { text: WHY[server.clock], title: manual ? '' : 'Only Clock::Manual is moved by hand, and only Clock::Skip is held.' });
  put($('now'), { text: server.now === null ? '' : new Date(server.now).toLocaleString() });
  const names = server.awaited.map(([kind, name]) => make('option', { value: name, label: kind }));
  $('awaited').replaceChildren(...names);
  if (server.violations.length) say(`Violations outside of runs: ${server.violations.join(' · ')}`, true);
  else if (server.down) say('Every API call is refused: the server plays dead.', true);
}

async function act(path, body, done) {
  try { const answer = await post(path, body); if (done) say(done(answer)); } catch (error) { say(error.message, true); }
}
$('advance').addEventListener('submit', event => {
  event.preventDefault();
  const advance = Number($('amount').value) * Number($('unit').value);
  say('The clock is being moved.');
  act('clock', { advance }, () => `The clock has been moved on by ${duration(advance)}.`);
});
$('hold-time').addEventListener('click', () => act('clock', { held: !server.held }));
$('hold-dispatches').addEventListener('click', () => act('dispatches', { held: !server.dispatchesHeld }));

// One dialog for events and signals.
let sends = 'event';
function openDialog(kind) {
  sends = kind;
  $('sending-title').textContent = kind === 'event' ? 'Send an event' : 'Send a signal';
  const awaited = server ? server.awaited.find(([of]) => of === kind) : null;
  if (awaited) $('send-name').value = awaited[1];
  $('send-error').textContent = '';
  $('sending').showModal();
  $('send-name').focus();
}
$('send-event').addEventListener('click', () => openDialog('event'));
$('send-signal').addEventListener('click', () => openDialog('signal'));
$('send-cancel').addEventListener('click', () => $('sending').close());
$('send').addEventListener('submit', async event => {
  event.preventDefault();
  const name = $('send-name').value;
  let data;
  try { data = JSON.parse($('send-data').value || 'null'); } catch (error) {
    $('send-error').textContent = `The data is not JSON: ${error.message}`;
    return;
  }
  try {
    if (sends === 'event') {
      const { woken } = await post('events', { name, data: data ?? {} });
      say(woken ? `The event ${name} woke ${plural(woken, 'step')}.` : `The event ${name} was sent; nobody waited for it.`);
    } else {
      const { run } = await post('signals', { signal: name, data });
      say(`The signal ${name} went to run ${run}.`);
    }
    $('sending').close();
  } catch (error) { $('send-error').textContent = error.message; }
});
