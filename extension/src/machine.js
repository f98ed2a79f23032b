/**
 * The sender as a small state machine: a state and an event give the next state and one thing to do. Pure.
 *
 *     resting -> pulling -> opening -> entering -> reading -> typing -> sending -> resting
 *
 * The next state is written down before its effect begins, so a service worker that is killed at any point goes on
 * rightly: everything before the intent may be done again; from the intent on (`intentAt`) nothing is typed any more,
 * the thread is opened anew and looked at, and what is not seen there is reported as `unknown`.
 */

import {HOUR, gap, lastDay, nextFree} from './pace.js';
import {alike, optOutWord, writtenAlready} from './wishes.js';

/** @typedef {import('./types.js').Sender} Sender */
/** @typedef {import('./types.js').Event} Event */
/** @typedef {import('./types.js').Env} Env */
/** @typedef {import('./types.js').Step} Step */
/** @typedef {import('./types.js').Effect} Effect */
/** @typedef {import('./types.js').Held} Held */
/** @typedef {import('./types.js').Code} Code */
/** @typedef {import('./types.js').Line} Line */

export const DRY_RUNS = 10;
/** A lease must live so much longer before something is typed, ms: the report goes under it. */
export const LEASE_MARGIN = 60_000;
/** First rest after the site said to slow down, and the longest, ms. */
export const FIRST_PENALTY = HOUR, LONGEST_PENALTY = 24 * HOUR;
const RETRY = 15_000, LONGEST_RETRY = 15 * 60_000, MOST_FAILURES = 6;
/** A phase that works and gives no sign for so long is begun again, ms. */
export const WATCHDOG = 60_000;

/** A new installation: paused, and the first messages are only played. @type {Sender} */
export const NEW = Object.freeze({
  phase: 'paused', turn: 0, since: 0, until: 0, why: 'new', detail: '', item: null, alike: 0, intentAt: 0, then: '',
  history: [], dryRunsLeft: DRY_RUNS, strikes: 0, failures: 0,
});

/** Events that answer a step; all others come from outside. */
export const ANSWERS = new Set([
  'pulled', 'pull_failed', 'opened', 'not_found', 'entered', 'not_allowed', 'read', 'typed', 'bubble', 'no_bubble',
  'blocked', 'logged_out', 'other_account', 'layout_unknown', 'page_gone',
]);

/**
 * @param {Sender} state
 * @param {Event} event
 * @param {Env} env
 * @returns {Step}
 */
export function next(state, event, env) {
  switch (event.type) {
    case 'wake': return wake(state, env);
    case 'start': return state.phase === 'paused' || state.phase === 'stopped' ? goOn(state, env) : same(state);
    case 'pause': return halt(state, env, 'paused');
    case 'stop': return halt(state, env, 'stopped');
    case 'pulled': return state.phase === 'pulling' ? pulled(state, event, env) : same(state);
    case 'pull_failed': return state.phase === 'pulling' ? pullFailed(state, event, env) : same(state);
    default: return state.item ? answered(state, state.item, event, env) : same(state);
  }
}

/** When to wake up by ourselves, ms; null: only the user can go on. @param {Sender} state */
export function alarmAt(state) {
  if (state.phase === 'paused' || state.phase === 'stopped') return null;
  return state.phase === 'resting' ? state.until : state.since + WATCHDOG;
}

// ---- from outside ----------------------------------------------------------------------------------------

/** @param {Sender} state @param {Env} env @returns {Step} */
function wake(state, env) {
  switch (state.phase) {
    case 'paused':
    case 'stopped': return same(state);
    case 'resting': return env.now >= state.until ? goOn(state, env) : same(state);
    case 'pulling': return goOn(state, env);
    default: return again(state, env);
  }
}

/** What was under way and gave no sign is begun anew or, after the intent, looked for. @param {Sender} state
 * @param {Env} env @returns {Step} */
function again(state, env) {
  const failures = state.failures + 1;
  if (state.item && failures >= MOST_FAILURES) return stopped(state, state.item, 'page_gone', '', env);
  return goOn({...state, failures}, env);
}

/** @param {Sender} state @param {Env} env @returns {Step} */
function goOn(state, env) {
  if (state.item) return open(state, state.item, env);
  const free = nextFree(env.now, state.history, env.pace);
  if (free > env.now) return rest(state, env, free, 'pace');
  return enter({...state, phase: 'pulling', then: ''}, env, {do: 'pull'});
}

/** @param {Sender} state @param {Env} env @param {'paused' | 'stopped'} phase @returns {Step} */
function halt(state, env, phase) {
  if (state.intentAt) return {...same({...state, then: phase}), log: [line(env, 'finishing', state.item)]};
  return leave({...state, item: null}, env, phase, 'user');
}

// ---- the server ------------------------------------------------------------------------------------------

/** @param {Sender} state @param {Extract<Event, {type: 'pulled'}>} event @param {Env} env @returns {Step} */
function pulled(state, event, env) {
  const [item] = event.items;
  const fresh = {...state, failures: 0};
  if (!item) return rest(fresh, env, env.now + 1000 * Math.max(event.retryAfterS, 5), 'nothing_queued');
  const deadline = env.now + Date.parse(item.lease_expires_at) - event.serverNow;
  return open({...fresh, item: {...item, deadline}, alike: 0, intentAt: 0}, {...item, deadline}, env);
}

/** @param {Sender} state @param {Extract<Event, {type: 'pull_failed'}>} event @param {Env} env @returns {Step} */
function pullFailed(state, event, env) {
  if (event.fatal) return leave(state, env, 'stopped', event.fatal, event.detail);
  const pause = Math.max(1000 * (event.retryAfterS ?? 0), backOff(state.failures));
  return rest({...state, failures: state.failures + 1}, env, env.now + pause, 'server_away');
}

// ---- one message -----------------------------------------------------------------------------------------

/** @param {Sender} state @param {Held} item @param {Env} env @returns {Step} */
function open(state, item, env) {
  if (!state.intentAt && leaseIsOver(item, env)) return leaseLost(state, item, env);
  const step = enter({...state, phase: 'opening'}, env, {do: 'open', username: item.dest_username});
  return {...step, log: [line(env, state.intentAt ? 'looking' : 'opening', item)]};
}

/** @param {Sender} state @param {Held} item @param {Event} event @param {Env} env @returns {Step} */
function answered(state, item, event, env) {
  const trouble = inTrouble(state, item, event, env);
  if (trouble) return trouble;
  switch (`${state.phase} ${event.type}`) {
    case 'opening opened': return enter({...state, phase: 'entering'}, env, {do: 'enter', username: item.dest_username});
    case 'opening not_found': return end(state, item, env, {ok: false, code: 'not_found'});
    case 'entering entered': return read(state, item, env);
    case 'entering not_allowed': return end(state, item, env, {ok: false, code: 'not_allowed'});
    case 'sending not_allowed': return end(state, item, env, {ok: false, code: 'not_allowed'}, true);
    case 'reading read': return event.type === 'read' ? decide(state, item, event, env) : same(state);
    case 'typing typed': return intend(state, item, env);
    case 'sending bubble': return end(state, item, env, {ok: true, code: 'sent'});
    case 'sending no_bubble': return open(state, item, env);
    default: return same(state);
  }
}

/** @param {Sender} state @param {Held} item @param {Env} env @returns {Step} */
function read(state, item, env) {
  const {message: text} = item.payload;
  const effect = {do: /** @type {const} */ ('read'), text, alike: state.alike, patient: state.intentAt > 0};
  return enter({...state, phase: 'reading'}, env, effect);
}

/**
 * What the thread says: written already, not wanted, refused; or nothing against it.
 *
 * @param {Sender} state
 * @param {Held} item
 * @param {Extract<Event, {type: 'read'}>} thread
 * @param {Env} env
 * @returns {Step}
 */
function decide(state, item, thread, env) {
  const {message: text, cool_off_days: coolOff} = item.payload;
  const count = alike(thread.bubbles, text);
  if (state.intentAt) {
    return end(state, item, env, count > state.alike ? {ok: true, code: 'sent'} : {ok: false, code: 'unknown'});
  }
  const word = optOutWord(thread.bubbles, env.optOut);
  if (word) return end(state, item, env, {ok: false, code: 'opted_out', error: word});
  if (writtenAlready(thread.bubbles, text, coolOff != null)) {
    return end(state, item, env, {ok: false, code: 'already_messaged'});
  }
  if (thread.refused) return end(state, item, env, {ok: false, code: 'not_allowed'});
  if (!thread.box) return layoutUnknown(state, item, 'box', env);
  if (env.dryRun || item.payload.dry_run || state.dryRunsLeft > 0) {
    const left = item.payload.dry_run ? state.dryRunsLeft : Math.max(0, state.dryRunsLeft - 1);
    return end({...state, dryRunsLeft: left}, item, env, {ok: true, code: 'dry_run'});
  }
  return enter({...state, phase: 'typing', alike: count}, env, {do: 'type', text});
}

/** The last moment at which nothing has happened yet. @param {Sender} state @param {Held} item @param {Env} env */
function intend(state, item, env) {
  if (state.intentAt) return open(state, item, env);
  if (leaseIsOver(item, env)) return leaseLost(state, item, env);
  const history = [...lastDay(state.history, env.now), env.now]; // counted whatever comes of it
  const sending = {...state, phase: /** @type {const} */ ('sending'), intentAt: env.now, history};
  const step = enter(sending, env, {do: 'send', text: item.payload.message, alike: state.alike});
  return {...step, log: [line(env, 'sending', item)]};
}

/**
 * The message's end: a report, and a rest.
 *
 * @param {Sender} state
 * @param {Held} item
 * @param {Env} env
 * @param {Result} result
 * @param {boolean} [surely]  after the intent too this is the truth, seen on the page
 * @returns {Step}
 */
function end(state, item, env, result, surely = false) {
  const {done, ...told} = conclude(state, item, env, result, surely);
  const free = Math.max(nextFree(env.now, state.history, env.pace), env.now + gap(env.pace, env.random));
  return after(told, state.then ? leave(done, env, state.then, 'user') : rest(done, env, free, 'pace'));
}

/**
 * What is told to the server. After the intent it is `unknown` unless the page showed what happened.
 *
 * @typedef {{ok: boolean, code: Code, error?: string, retry_after_s?: number}} Result
 * @typedef {Pick<Step, 'reports' | 'log'>} Told
 *
 * @param {Sender} state
 * @param {Held} item
 * @param {Env} env
 * @param {Result} result
 * @param {boolean} [surely]
 * @returns {Told & {done: Sender}}
 */
function conclude(state, item, env, result, surely = false) {
  const known = !state.intentAt || surely || result.code === 'sent';
  const told = known ? result : {ok: false, code: /** @type {const} */ ('unknown')};
  const {job_id, task_id, lease_id, dest_username} = item;
  const strikes = told.code === 'sent' ? 0 : state.strikes;
  return {
    done: {...state, item: null, alike: 0, intentAt: 0, strikes, failures: 0},
    reports: [{job_id, task_id, lease_id, dest_username, ...told}],
    log: [line(env, told.code, item, told.error)],
  };
}

/** @param {Told} told @param {Step} step @returns {Step} */
function after(told, step) {
  return {...step, reports: told.reports, log: [...told.log, ...step.log]};
}

// ---- trouble ---------------------------------------------------------------------------------------------

/** @param {Sender} state @param {Held} item @param {Event} event @param {Env} env @returns {Step | null} */
function inTrouble(state, item, event, env) {
  switch (event.type) {
    case 'blocked': return blocked(state, item, event.words, env);
    case 'logged_out': return stopped(state, item, 'logged_out', '', env);
    case 'other_account': return stopped(state, item, 'other_account', event.account, env);
    case 'layout_unknown': return layoutUnknown(state, item, event.step, env);
    case 'page_gone': return pageGone(state, item, env);
    default: return null;
  }
}

/** The site said to slow down: rest, longer each time. @param {Sender} state @param {Held} item
 * @param {string} words @param {Env} env @returns {Step} */
function blocked(state, item, words, env) {
  const pause = Math.min(FIRST_PENALTY * 2 ** state.strikes, LONGEST_PENALTY);
  const told = {ok: false, code: /** @type {const} */ ('rate_limited'), error: words, retry_after_s: pause / 1000};
  const step = end({...state, strikes: state.strikes + 1}, item, env, told);
  if (step.state.phase !== 'resting') return step;
  const until = Math.max(step.state.until, env.now + pause);
  return {...step, state: {...step.state, strikes: state.strikes + 1, until, why: 'blocked', detail: words}};
}

/** Stops until the user goes on. Before the intent nothing is told: the lease runs out, and the message is queued again.
 * @param {Sender} state @param {Held} item @param {string} why @param {string} detail @param {Env} env @returns {Step} */
function stopped(state, item, why, detail, env) {
  if (!state.intentAt) return leave({...state, item: null}, env, 'stopped', why, detail);
  const {done, ...told} = conclude(state, item, env, {ok: false, code: 'unknown'});
  return after(told, leave(done, env, 'stopped', why, detail));
}

/** @param {Sender} state @param {Held} item @param {string} place @param {Env} env @returns {Step} */
function layoutUnknown(state, item, place, env) {
  const {done, ...told} = conclude(state, item, env, {ok: false, code: 'layout_changed', error: place});
  return after(told, leave(done, env, 'stopped', 'layout_unknown', place));
}

/** The tab was closed or does not answer. @param {Sender} state @param {Held} item @param {Env} env @returns {Step} */
function pageGone(state, item, env) {
  const failures = state.failures + 1;
  if (failures >= MOST_FAILURES) return stopped(state, item, 'page_gone', '', env);
  return rest({...state, failures}, env, env.now + backOff(state.failures), 'page_gone');
}

/** @param {Sender} state @param {Held} item @param {Env} env @returns {Step} */
function leaseLost(state, item, env) {
  const step = rest({...state, item: null, alike: 0}, env, env.now + 1000, 'lease_lost');
  return {...step, log: [line(env, 'lease_lost', item)]};
}

/** @param {Held} item @param {Env} env */
function leaseIsOver(item, env) {
  return item.deadline - env.now < LEASE_MARGIN;
}

/** @param {number} failures */
function backOff(failures) {
  return Math.min(RETRY * 2 ** failures, LONGEST_RETRY);
}

// ---- building steps --------------------------------------------------------------------------------------

/** @param {Sender} state @returns {Step} */
function same(state) {
  return {state, effect: null, reports: [], log: []};
}

/** @param {Sender} state @param {Env} env @param {Effect | null} effect @returns {Step} */
function enter(state, env, effect) {
  return {...same({...state, turn: state.turn + 1, since: env.now, until: 0, why: '', detail: ''}), effect};
}

/** @param {Sender} state @param {Env} env @param {number} until @param {string} why @returns {Step} */
function rest(state, env, until, why) {
  const step = enter({...state, phase: 'resting'}, env, null);
  return {...step, state: {...step.state, until, why}};
}

/** @param {Sender} state @param {Env} env @param {'paused' | 'stopped'} phase @param {string} why
 * @param {string} [detail] @returns {Step} */
function leave(state, env, phase, why, detail = '') {
  const step = enter({...state, phase, then: ''}, env, null);
  return {...step, state: {...step.state, why, detail}, log: [line(env, phase, state.item, detail || why)]};
}

/** @param {Env} env @param {string} what @param {Held | null} item @param {string} [detail] @returns {Line} */
function line(env, what, item, detail) {
  return {at: env.now, what, ...(item ? {who: item.dest_username} : {}), ...(detail ? {detail} : {})};
}
