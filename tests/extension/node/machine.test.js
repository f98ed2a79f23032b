/** Every state times every event, and the rules that hold for all of them. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';

import {DRY_RUNS, FIRST_PENALTY, LEASE_MARGIN, LONGEST_PENALTY, NEW, WATCHDOG, alarmAt, next} from '../../../extension/src/machine.js';
import {NOON, env, held, item, sender} from './kit.js';

const PHASES = ['resting', 'pulling', 'opening', 'entering', 'reading', 'typing', 'sending', 'paused', 'stopped'];
const read = (bubbles = [], changes = {}) => ({type: 'read', bubbles, refused: false, box: true, ...changes});
const mine = text => ({mine: true, text}), theirs = text => ({mine: false, text});
const pulled = (items = [item()]) => ({type: 'pulled', items, retryAfterS: 30, serverNow: NOON});
const EVENTS = {
  wake: {type: 'wake'}, start: {type: 'start'}, pause: {type: 'pause'}, stop: {type: 'stop'},
  pulled: pulled(), 'pulled nothing': pulled([]), 'pull_failed': {type: 'pull_failed'},
  'pull_failed fatal': {type: 'pull_failed', fatal: 'bad_key'}, opened: {type: 'opened'}, not_found: {type: 'not_found'},
  entered: {type: 'entered'}, not_allowed: {type: 'not_allowed'}, read: read(), 'read refused': read([], {refused: true, box: false}),
  'read no box': read([], {box: false}), 'read written': read([mine('Hola Ana')]), 'read stop': read([theirs('STOP!')]),
  typed: {type: 'typed'}, bubble: {type: 'bubble'}, no_bubble: {type: 'no_bubble'}, blocked: {type: 'blocked', words: 'Try Again Later'},
  logged_out: {type: 'logged_out'}, other_account: {type: 'other_account', account: 'other'},
  layout_unknown: {type: 'layout_unknown', step: 'box'}, page_gone: {type: 'page_gone'},
};

/** state + event -> state [report]. What is not here changes nothing. */
const TABLE = {
  resting: {pause: 'paused', stop: 'stopped'},
  pulling: {
    wake: 'pulling', pause: 'paused', stop: 'stopped', pulled: 'opening', 'pulled nothing': 'resting', pull_failed: 'resting',
    'pull_failed fatal': 'stopped',
  },
  opening: {
    wake: 'opening', pause: 'paused', stop: 'stopped', opened: 'entering', not_found: 'resting not_found',
    blocked: 'resting rate_limited', logged_out: 'stopped', other_account: 'stopped', layout_unknown: 'stopped layout_changed',
    page_gone: 'resting',
  },
  entering: {
    wake: 'opening', pause: 'paused', stop: 'stopped', entered: 'reading', not_allowed: 'resting not_allowed',
    blocked: 'resting rate_limited', logged_out: 'stopped', other_account: 'stopped', layout_unknown: 'stopped layout_changed',
    page_gone: 'resting',
  },
  reading: {
    wake: 'opening', pause: 'paused', stop: 'stopped', read: 'typing', 'read refused': 'resting not_allowed',
    'read no box': 'stopped layout_changed', 'read written': 'resting already_messaged', 'read stop': 'resting opted_out',
    blocked: 'resting rate_limited', logged_out: 'stopped', other_account: 'stopped', layout_unknown: 'stopped layout_changed',
    page_gone: 'resting',
  },
  typing: {
    wake: 'opening', pause: 'paused', stop: 'stopped', typed: 'sending', blocked: 'resting rate_limited', logged_out: 'stopped',
    other_account: 'stopped', layout_unknown: 'stopped layout_changed', page_gone: 'resting',
  },
  sending: { // the user's pause waits until it is known whether the message left
    wake: 'opening', pause: 'sending', stop: 'sending', bubble: 'resting sent', no_bubble: 'opening', not_allowed: 'resting not_allowed',
    blocked: 'resting unknown', logged_out: 'stopped unknown', other_account: 'stopped unknown', layout_unknown: 'stopped unknown',
    page_gone: 'resting',
  },
  paused: {start: 'pulling', pause: 'paused', stop: 'stopped'},
  stopped: {start: 'pulling', pause: 'paused', stop: 'stopped'},
};

describe('every state and event', () => {
  for (const phase of PHASES) {
    for (const [name, event] of Object.entries(EVENTS)) {
      it(`${phase}: ${name}`, () => {
        const before = sender(phase), step = next(before, event, env());
        const [after, code] = (TABLE[phase][name] ?? phase).split(' ');
        assert.equal(step.state.phase, after);
        assert.deepEqual(step.reports.map(report => report.code), code ? [code] : []);
        if (!TABLE[phase][name]) assert.equal(step.state, before, 'nothing changes');
        if (step.state.turn !== before.turn) assert.equal(step.state.turn, before.turn + 1);
        if (step.effect) assert.ok(step.state.turn > before.turn, 'an effect has a turn of its own');
      });
      it(`${phase} after the intent: ${name} types nothing`, () => {
        const step = next(sender(phase, {item: held(), intentAt: NOON - 5000, alike: 0}), event, env());
        assert.ok(!['type', 'send'].includes(step.effect?.do));
        assert.ok(step.reports.every(report => ['sent', 'unknown'].includes(report.code) || (phase === 'sending' && report.code === 'not_allowed')));
        assert.ok(step.reports.length === 0 || step.state.intentAt === 0);
      });
    }
  }
});

describe('one message', () => {
  it('goes its way and is reported with its lease', () => {
    let step = next(sender('resting', {until: NOON}), {type: 'wake'}, env());
    assert.deepEqual(step.effect, {do: 'pull'});
    step = next(step.state, pulled(), env());
    assert.deepEqual(step.effect, {do: 'open', username: 'ana'});
    step = next(step.state, {type: 'opened'}, env());
    assert.deepEqual(step.effect, {do: 'enter', username: 'ana'});
    step = next(step.state, {type: 'entered'}, env());
    assert.equal(step.effect.do, 'read');
    step = next(step.state, read(), env());
    assert.deepEqual(step.effect, {do: 'type', text: 'Hola Ana'});
    step = next(step.state, {type: 'typed'}, env());
    assert.deepEqual(step.effect, {do: 'send', text: 'Hola Ana', alike: 0});
    assert.equal(step.state.intentAt, NOON);
    assert.deepEqual(step.state.history, [NOON]);
    step = next(step.state, {type: 'bubble'}, env());
    assert.deepEqual(step.reports, [{
      job_id: 'job:1', task_id: 'job:1:send_message:ana', lease_id: 'lease1', dest_username: 'ana', ok: true, code: 'sent',
    }]);
    assert.equal(step.state.until, NOON + 60_000);
  });

  it('is looked for when no bubble came, and found or unknown', () => {
    const lost = next(sender('sending'), {type: 'no_bubble'}, env());
    assert.deepEqual(lost.effect, {do: 'open', username: 'ana'});
    const looking = next(next(lost.state, {type: 'opened'}, env()).state, {type: 'entered'}, env());
    assert.equal(looking.effect.patient, true);
    assert.equal(next(looking.state, read([mine('Hola\nAna')]), env()).reports[0].code, 'sent');
    assert.equal(next(looking.state, read([theirs('stop')]), env()).reports[0].code, 'unknown');
  });

  it('counts a bubble that was there before as none', () => {
    const after = sender('reading', {intentAt: NOON, alike: 1});
    assert.equal(next(after, read([mine('Hola Ana')]), env()).reports[0].code, 'unknown');
    assert.equal(next(after, read([mine('Hola Ana'), mine('Hola Ana')]), env()).reports[0].code, 'sent');
  });

  it('goes out of a lost tab after the intent into a look', () => {
    const gone = next(sender('sending'), {type: 'page_gone'}, env());
    assert.equal(gone.state.phase, 'resting');
    const back = next(gone.state, {type: 'wake'}, env({now: gone.state.until}));
    assert.deepEqual(back.effect, {do: 'open', username: 'ana'});
    assert.ok(back.state.intentAt);
  });

  it('is dropped before the typing when its lease is over', () => {
    const late = env({now: NOON + 600_000 - LEASE_MARGIN + 1});
    for (const [phase, event] of [['typing', {type: 'typed'}], ['opening', {type: 'wake'}]]) {
      const step = next(sender(phase), event, late);
      assert.equal(step.state.phase, 'resting');
      assert.equal(step.state.item, null);
      assert.deepEqual(step.reports, []);
    }
  });

  it('has its deadline by our clock, however wrong that is', () => {
    const answer = {...pulled(), serverNow: NOON - 3_600_000, items: [item({lease_expires_at: new Date(NOON - 3_000_000).toISOString()})]};
    assert.equal(next(sender('pulling'), answer, env()).state.item.deadline, NOON + 600_000);
  });

  it('is never sent to whom we wrote before, but after an agreed cool-off and an answer', () => {
    const thread = [mine('Hello in May'), theirs('Nice!')];
    const again = {payload: {message: 'Hola Ana', cool_off_days: 30}};
    assert.equal(next(sender('reading'), read(thread), env()).reports[0].code, 'already_messaged');
    assert.equal(next(sender('reading', {item: held(again)}), read(thread), env()).effect.do, 'type');
    assert.equal(next(sender('reading', {item: held(again)}), read([mine('Hello')]), env()).reports[0].code, 'already_messaged');
  });

  it('sees a wish in whole words only', () => {
    for (const text of ['stop', 'Please STOP.', 'dame de BAJA por favor']) {
      assert.equal(next(sender('reading'), read([theirs(text)]), env()).reports[0].code, 'opted_out', text);
    }
    for (const text of ['non-stopping', 'bajada', 'trabaja']) {
      assert.equal(next(sender('reading'), read([theirs(text)]), env()).effect?.do, 'type', text);
    }
  });
});

describe('dry runs', () => {
  it('are the first messages of an installation, and type nothing', () => {
    const step = next(sender('reading', {dryRunsLeft: DRY_RUNS}), read(), env());
    assert.deepEqual([step.reports[0].ok, step.reports[0].code], [true, 'dry_run']);
    assert.equal(step.state.dryRunsLeft, DRY_RUNS - 1);
    assert.deepEqual(step.state.history, []);
    assert.equal(NEW.dryRunsLeft, DRY_RUNS);
  });

  it('are asked for by the user or by the job', () => {
    assert.equal(next(sender('reading'), read(), env({dryRun: true})).reports[0].code, 'dry_run');
    const asked = held({payload: {message: 'Hola Ana', dry_run: true}});
    assert.equal(next(sender('reading', {item: asked}), read(), env()).reports[0].code, 'dry_run');
  });
});

describe('stops', () => {
  it('rests longer each time the site says to slow down', () => {
    let state = sender('opening'), pauses = [];
    for (let i = 0; i < 6; i += 1) {
      const step = next({...state, phase: 'opening', item: held()}, EVENTS.blocked, env());
      assert.equal(step.reports[0].retry_after_s * 1000, step.state.until - NOON);
      pauses.push(step.state.until - NOON);
      state = step.state;
    }
    assert.deepEqual(pauses, [1, 2, 4, 8, 16, 24].map(hours => hours * FIRST_PENALTY));
    assert.equal(pauses.at(-1), LONGEST_PENALTY);
    assert.equal(next({...state, phase: 'sending', item: held()}, {type: 'bubble'}, env()).state.strikes, 0);
  });

  it('after the intent a pause waits for the truth', () => {
    const waiting = next(sender('sending'), {type: 'pause'}, env());
    assert.equal(waiting.state.phase, 'sending');
    const done = next(waiting.state, {type: 'bubble'}, env());
    assert.deepEqual([done.state.phase, done.reports[0].code], ['paused', 'sent']);
  });

  it('gives up on a page that never answers', () => {
    let state = sender('opening');
    for (let i = 0; i < 10 && state.phase !== 'stopped'; i += 1) state = next(state, {type: 'wake'}, env()).state;
    assert.deepEqual([state.phase, state.why], ['stopped', 'page_gone']);
  });

  it('wakes up when it is time, and by a watchdog while it works', () => {
    assert.equal(alarmAt(sender('resting')), NOON + 1000);
    assert.equal(alarmAt(sender('typing')), NOON - 1000 + WATCHDOG);
    assert.equal(alarmAt(sender('paused')), null);
  });
});
