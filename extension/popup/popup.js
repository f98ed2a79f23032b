/** The popup: what the sender does now, what was asked for, and forms to ask for more. */

import {bounded, lastDay} from '../src/pace.js';
import {readSettings} from '../src/storage.js';
import {ask, byId, clock, make, say, text, translate} from '../ui/ui.js';
import {rendered, sample} from './preview.js';

/** @typedef {import('../src/types.js').Sender} Sender */

translate();

// ---- the sender ------------------------------------------------------------------------------------------

/** @type {import('../src/engine.js').Memory | null} */
let memory = null;
let settings = await readSettings();

async function refresh() {
  [memory, settings] = await Promise.all([ask('state'), readSettings()]);
  draw();
}

function draw() {
  if (!memory) return;
  const {sender, outbox} = memory, ready = Boolean(settings.server && settings.key && settings.account);
  byId('setup', HTMLElement).hidden = ready;
  byId('start', HTMLButtonElement).disabled = !ready || !['paused', 'stopped'].includes(sender.phase);
  byId('pause', HTMLButtonElement).disabled = ['paused', 'stopped'].includes(sender.phase);
  say(byId('phase', HTMLElement), phaseOf(sender), sender.phase === 'stopped' ? 'bad' : sender.phase === 'paused' ? 'wait' : 'good');
  const {perDay} = bounded(settings.pace, settings.limits), today = lastDay(sender.history, Date.now()).length;
  byId('today', HTMLElement).textContent = `${text('today')}: ${text('of_limit', today, perDay)}`;
  show('dry', settings.dryRun ? text('dry_run_on') : sender.dryRunsLeft ? text('dry_runs_left', sender.dryRunsLeft) : '');
  show('outbox', outbox.length ? text('outbox', outbox.length) : '');
  tick();
}

/** @param {string} id @param {string} words */
function show(id, words) {
  const place = byId(id, HTMLElement);
  place.hidden = !words;
  place.textContent = words;
}

/** @param {Sender} sender */
function phaseOf({phase, why, detail, item, intentAt}) {
  const looking = intentAt && phase !== 'sending' && item;
  const what = text(`phase_${looking ? 'looking' : phase}`, item?.dest_username ?? '');
  return why ? `${what}: ${text(`why_${why}`, detail)}` : what;
}

function tick() {
  const sender = memory?.sender;
  const left = sender?.phase === 'resting' ? sender.until - Date.now() : 0;
  byId('next', HTMLElement).textContent = left > 0 ? text('next_in', clock(left)) : '';
}

/** @param {string} id @param {() => Promise<unknown>} work */
function onPress(id, work) {
  byId(id, HTMLButtonElement).addEventListener('click', () => {
    say(byId('trouble', HTMLElement), '', 'bad');
    work().then(refresh, error => say(byId('trouble', HTMLElement), error.message, 'bad'));
  });
}

onPress('start', () => ask('start'));
onPress('pause', () => ask('pause'));
onPress('stop', async () => {
  await ask('stop');
  if (confirm(text('stop_all_sure'))) await ask('cancel_jobs');
});

// ---- forms -----------------------------------------------------------------------------------------------

const tabs = /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll('[role=tab]')]);

/** @param {HTMLButtonElement} chosen */
function choose(chosen) {
  for (const tab of tabs) {
    tab.setAttribute('aria-selected', String(tab === chosen));
    tab.tabIndex = tab === chosen ? 0 : -1;
    byId(tab.getAttribute('aria-controls') ?? '', HTMLFormElement).hidden = tab !== chosen;
  }
}

for (const [place, tab] of tabs.entries()) {
  tab.addEventListener('click', () => choose(tab));
  tab.addEventListener('keydown', event => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!step) return;
    const next = tabs[(place + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
}

/**
 * @param {string} id
 * @param {string} what
 * @param {(value: (name: string) => string) => object} body
 */
function onSubmit(id, what, body) {
  const form = byId(id, HTMLFormElement), status = /** @type {HTMLElement} */ (form.querySelector('[role=status]'));
  let key = crypto.randomUUID(); // the same until it was taken: pressed twice is asked once
  form.addEventListener('submit', async event => {
    event.preventDefault();
    const fields = new FormData(form);
    try {
      const job = await ask(what, {id: key, body: body(name => String(fields.get(name) ?? '').trim())});
      key = crypto.randomUUID();
      say(status, text('asked', job.job_id), 'good');
      await drawJobs();
    } catch (error) {
      say(status, /** @type {Error} */ (error).message, 'bad');
    }
  });
}

/** @param {string} value */
const number = value => value === '' ? undefined : Number(value);

onSubmit('form_campaign', 'enqueue_campaign', value => ({
  target_username: value('target'), limit: Number(value('limit')), analyze: {},
  send: {
    message: value('message'), min_success_score: number(value('min_score')), limit: number(value('messages')),
    cool_off_days: number(value('cool_off')), dry_run: value('dry_run') === 'on',
  },
}));
onSubmit('form_followings', 'enqueue_followings', value => ({target_username: value('target'), limit: Number(value('limit'))}));
onSubmit('form_analysis', 'enqueue_analysis', value => ({usernames: value('usernames').split(/[\s,;]+/).filter(Boolean)}));

const message = /** @type {HTMLTextAreaElement} */ (document.querySelector('[name=message]'));
message.addEventListener('input', () => {
  byId('preview_box', HTMLElement).hidden = !message.value.trim();
  byId('preview', HTMLElement).textContent = rendered(message.value, sample);
});

// ---- jobs ------------------------------------------------------------------------------------------------

async function drawJobs() {
  if (!settings.server || !settings.key) return;
  const place = byId('jobs', HTMLElement);
  try {
    const {items} = await ask('jobs');
    const shown = await Promise.all(items.slice(0, 6).map(drawJob));
    place.replaceChildren(...(shown.length ? shown : [make('p', text('no_jobs'), 'soft')]));
  } catch (error) {
    place.replaceChildren(make('p', /** @type {Error} */ (error).message, 'bad'));
  }
}

/** @param {{job_id: string, kind: string, status: string}} job */
async function drawJob(job) {
  const sum = await ask('summary', {job: job.job_id});
  const node = make('div', '', 'job'), bar = /** @type {HTMLProgressElement} */ (make('progress'));
  const ended = sum.ok + sum.error + sum.cancelled;
  bar.max = Math.max(sum.total, 1);
  bar.value = ended;
  bar.setAttribute('aria-label', job.job_id);
  node.append(
    make('div', `${text(`kind_${job.kind}`)} · ${text(`status_${sum.status}`)}`), bar,
    make('small', text('job_line', ended, sum.total, sum.error)),
  );
  return node;
}

await refresh();
void drawJobs();
chrome.storage.local.onChanged.addListener(() => void refresh());
setInterval(tick, 500);
setInterval(() => void drawJobs(), 2000);
