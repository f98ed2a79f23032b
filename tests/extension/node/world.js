/**
 * A browser, a site and a server that exist in memory, with a clock that jumps from one event to the next.
 *
 * The service worker can be killed at every point at which it waits: at each call of storage, page and server, before
 * or after the call has had its effect. What the page was asked to do it does on, as a real tab does.
 */

import {Engine} from '../../../extension/src/engine.js';
import {NEW} from '../../../extension/src/machine.js';
import {sameText} from '../../../extension/src/wishes.js';
import {NOON, QUICK} from './kit.js';

const NOTHING_EVER = new Promise(() => {});

const TTL = 600_000, NEVER = Number.POSITIVE_INFINITY;

export class World {
  /** @param {string[]} people @param {{pace?: object, killAt?: number[], seed?: number, settings?: object}} [options] */
  constructor(people, {pace = QUICK, killAt = [], seed = 1, settings = {}} = {}) {
    this.now = NOON;
    this.events = [];
    this.order = 0;
    this.disk = {sender: {...NEW, dryRunsLeft: 0}};
    this.settings = {server: 'x', account: 'me', pace, dryRun: false, optOut: [], limits: {messages_per_hour: 50, messages_per_day: 50}, ...settings};
    this.threads = new Map(people.map(name => [name, []]));
    this.tasks = people.map(name => ({name, status: 'queued', lease: null, until: NEVER, maybe: false, attempt: 0, code: null}));
    this.calls = 0;
    this.killAt = new Set(killAt);
    this.kills = 0;
    this.alarm = null;
    this.boxes = '';
    this.at = null;
    this.sent = [];
    this.serverAway = () => false;
    this.asked = null;
    this.busy = null;
    let state = seed;
    this.random = () => { state = (state * 48271) % 2147483647; return state / 2147483647; };
    this.born();
  }

  // ---- the service worker's life -------------------------------------------------------------------------

  born() {
    const life = this.life = {alive: true};
    life.death = new Promise(resolve => { life.die = resolve; });
    /** Before and after everything that it waits for it may die; then nothing of it ever goes on. */
    const mortal = work => async (...args) => {
      await this.mayDie(life);
      const value = await work(...args);
      await this.mayDie(life);
      return value;
    };
    const storage = {
      load: mortal(async () => structuredClone(this.disk)),
      save: mortal(async memory => { this.disk = structuredClone(memory); }),
      settings: mortal(async () => structuredClone(this.settings)),
    };
    const page = {
      perform: mortal(async (effect, turn) => this.perform(effect, turn)),
      busyWith: mortal(async () => this.busy),
    };
    const server = {pull: mortal(async () => this.pull()), report: mortal(async (_account, reports) => this.report(reports))};
    this.engine = new Engine(storage, page, server, {
      now: () => this.now, random: this.random, wakeAt: at => { if (life.alive) this.alarm = at; },
    });
  }

  async mayDie(life) {
    if (!life.alive) await NOTHING_EVER;
    this.calls += 1;
    if (!this.killAt.has(this.calls)) return;
    this.kills += 1;
    life.alive = false;
    life.die();
    await NOTHING_EVER;
  }

  /** Something calls the service worker: Chrome starts it if it is dead. */
  async call(work) {
    if (!this.life.alive) this.born();
    await Promise.race([work(this.engine), this.life.death]);
    await settled();
  }

  // ---- time ----------------------------------------------------------------------------------------------

  later(ms, work) {
    this.events.push({at: this.now + ms, order: this.order += 1, work});
  }

  /** Runs until nothing is to come, or `until` holds, or the time is over. */
  async run({until = () => false, hours = 48} = {}) {
    const end = this.now + hours * 3_600_000;
    for (let i = 0; i < 20 && this.disk.sender.phase === 'paused'; i += 1) { // who sees no effect presses again
      await this.call(engine => engine.dispatch({type: 'start'}));
    }
    while (!until() && this.now < end) {
      if (this.disk.sender.why === 'page_gone' && this.disk.sender.phase === 'stopped') {
        await this.call(engine => engine.dispatch({type: 'start'}));
      }
      this.events.sort((a, b) => a.at - b.at || a.order - b.order);
      const next = this.events[0], alarm = this.alarm ?? NEVER;
      // The alarm of the outbox comes every minute, and wakes the sender too.
      const minute = Math.floor(this.now / 60_000) * 60_000 + 60_000;
      const at = Math.min(next?.at ?? NEVER, alarm, minute);
      this.now = Math.max(this.now, at);
      if (next && next.at === at) {
        this.events.shift();
        await next.work();
      } else if (alarm === at) {
        this.alarm = null;
        await this.call(engine => engine.wake());
      } else {
        await this.call(engine => engine.flush().catch(() => {}));
        await this.call(engine => engine.wake());
      }
      this.rescue();
    }
    await settled();
  }

  // ---- the page ------------------------------------------------------------------------------------------

  async perform(effect, turn) {
    const own = this.busy = turn;
    const say = (ms, event, act = () => {}) => this.later(ms, async () => {
      if (this.busy !== own) return; // another step came
      act();
      this.busy = null;
      await this.call(engine => engine.dispatch(event(), turn));
    });
    switch (effect.do) {
      case 'open':
        this.at = effect.username;
        this.boxes = '';
        return say(2000, () => ({type: 'opened'}));
      case 'enter': return say(1500, () => ({type: 'entered'}));
      case 'read': return say(500, () => ({type: 'read', bubbles: structuredClone(this.threads.get(this.at)), refused: false, box: true}));
      case 'type': return say(4000, () => ({type: 'typed'}), () => { this.boxes = effect.text; });
      case 'send': return say(800, () => ({type: 'bubble'}), () => this.send(effect.text));
      default: throw new Error(effect.do);
    }
  }

  send(text) {
    if (!sameText(this.boxes, text)) throw new Error('sent what was not typed');
    this.threads.get(this.at).push({mine: true, text});
    this.sent.push({name: this.at, at: this.now});
    this.boxes = '';
  }

  // ---- the server ----------------------------------------------------------------------------------------

  pull() {
    if (this.serverAway()) return {type: 'pull_failed'};
    const task = this.tasks.find(one => one.status === 'queued');
    if (!task) return {type: 'pulled', items: [], retryAfterS: 30, serverNow: this.now};
    Object.assign(task, {status: 'sent', attempt: task.attempt + 1, lease: `${task.name}:${task.attempt + 1}`, until: this.now + TTL});
    const item = {
      job_id: 'job:1', task_id: task.name, dest_username: task.name, payload: {message: `Hola ${task.name}`},
      lease_id: task.lease, lease_expires_at: new Date(task.until).toISOString(), attempt: task.attempt, maybe_sent: task.maybe,
    };
    return {type: 'pulled', items: [item], retryAfterS: 0, serverNow: this.now};
  }

  rescue() {
    for (const task of this.tasks) {
      if (task.status === 'sent' && task.until <= this.now) Object.assign(task, {status: 'queued', maybe: true});
    }
  }

  report(reports) {
    if (this.serverAway()) throw new TypeError('failed to fetch');
    return reports.map(report => {
      const task = this.tasks.find(one => one.name === report.task_id);
      const current = task.status === 'sent' && task.lease === report.lease_id;
      if (report.code === 'sent' || report.code === 'already_messaged') Object.assign(task, {status: 'ok', code: report.code});
      else if (task.status === 'ok') return {taken: false, why: 'CONFLICT'};
      else if (!current) return {taken: false, why: 'CONFLICT'};
      else if (report.code === 'unknown' || report.code === 'rate_limited') Object.assign(task, {status: 'queued', maybe: task.maybe || report.code === 'unknown'});
      else Object.assign(task, {status: report.ok ? 'ok' : 'error', code: report.code});
      return {taken: true};
    });
  }

  get done() {
    return this.tasks.every(task => task.status === 'ok' || task.status === 'error') && !this.disk.outbox?.length;
  }
}

/** Until nothing in memory is still on its way. */
async function settled() {
  for (let i = 0; i < 40; i += 1) await new Promise(resolve => { setImmediate(resolve); });
}
