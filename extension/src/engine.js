/**
 * Runs the machine: one event at a time, the new state written down before its effect begins.
 *
 * Storage, page, server and clock are handed in, so that tests can kill it at every point.
 */

import {bounded} from './pace.js';
import {ANSWERS, NEW, WATCHDOG, alarmAt, next} from './machine.js';
import {OPT_OUT} from './wishes.js';

/** @typedef {import('./types.js').Sender} Sender */
/** @typedef {import('./types.js').Event} Event */
/** @typedef {import('./types.js').Effect} Effect */
/** @typedef {import('./types.js').Report} Report */
/** @typedef {import('./types.js').Line} Line */
/** @typedef {import('./types.js').Env} Env */
/** @typedef {import('./types.js').Pace} Pace */

/**
 * @typedef {object} Settings  What the user chose.
 * @property {string} server  origin of the server
 * @property {string} account  the user's own account on the site
 * @property {Partial<Pace>} pace
 * @property {boolean} dryRun
 * @property {string[]} optOut  more words of people who want no messages
 * @property {{messages_per_hour?: number, messages_per_day?: number}} limits  what the server allows
 *
 * @typedef {object} Memory  What is written down, always together.
 * @property {Sender} sender
 * @property {Report[]} outbox
 * @property {Line[]} log  the newest last
 *
 * @typedef {object} Storage
 * @property {() => Promise<Partial<Memory>>} load
 * @property {(memory: Memory) => Promise<void>} save
 * @property {() => Promise<Settings>} settings
 *
 * @typedef {object} Page  The user's tab.
 * @property {(effect: Effect, turn: number) => Promise<void>} perform  throws when there is no page to ask
 * @property {() => Promise<number | null>} busyWith  the turn that the page works on
 *
 * @typedef {object} Server
 * @property {(account: string) => Promise<Event>} pull
 * @property {(account: string, reports: Report[]) => Promise<Taken[]>} report  throws when the server is away
 *
 * @typedef {{taken: boolean, why?: string}} Taken  Whether a report is the server's now, or refused for good.
 */

const LINES = 1000, REPORTS_AT_ONCE = 50;

export class Engine {
  /**
   * @param {Storage} storage
   * @param {Page} page
   * @param {Server} server
   * @param {{now: () => number, random: () => number, wakeAt: (at: number | null) => void}} clock
   */
  constructor(storage, page, server, clock) {
    this.storage = storage;
    this.page = page;
    this.server = server;
    this.clock = clock;
    /** @type {Promise<unknown>} */
    this.line = Promise.resolve();
    this.begun = -1; // the turn whose effect this life of the service worker has begun
  }

  /**
   * One event, after all that came before it. An answer counts for the step that asked (`turn`) and for no other.
   *
   * @param {Event} event
   * @param {number} [turn]
   * @returns {Promise<Sender>}
   */
  dispatch(event, turn) {
    return this.inTurn(() => this.take(event, turn));
  }

  /** Alarm or new life: goes on, unless the step under way is still at it. */
  async wake() {
    const {sender} = await this.read();
    if (this.begun === sender.turn && this.clock.now() < sender.since + WATCHDOG) return sender;
    if (sender.item && sender.phase !== 'resting' && await this.page.busyWith() === sender.turn) {
      this.clock.wakeAt(this.clock.now() + 30_000);
      return sender;
    }
    return this.dispatch({type: 'wake'});
  }

  /** Takes the outbox to the server, oldest first; what is not acknowledged stays. */
  async flush() {
    for (;;) {
      const {outbox} = await this.read();
      const some = outbox.slice(0, REPORTS_AT_ONCE);
      if (!some.length) return;
      const {account} = await this.storage.settings();
      const taken = await this.server.report(account, some);
      await this.inTurn(() => this.forget(some, taken));
    }
  }

  /** Forgets the activity log. */
  clearLog() {
    return this.inTurn(async () => this.storage.save({...await this.read(), log: []}));
  }

  /** @returns {Promise<Memory>} */
  async read() {
    const {sender, outbox, log} = await this.storage.load();
    return {sender: {...NEW, ...sender}, outbox: outbox ?? [], log: log ?? []};
  }

  // ---- inside -------------------------------------------------------------------------------------------

  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  inTurn(work) {
    const done = this.line.then(work);
    this.line = done.catch(() => {});
    return done;
  }

  /** @param {Event} event @param {number} [turn] */
  async take(event, turn) {
    const memory = await this.read();
    if (ANSWERS.has(event.type) && turn !== memory.sender.turn) return memory.sender;
    const step = next(memory.sender, event, await this.env());
    if (step.state !== memory.sender || step.log.length) {
      const log = [...memory.log, ...step.log].slice(-LINES);
      await this.storage.save({sender: step.state, outbox: [...memory.outbox, ...step.reports], log});
    }
    this.clock.wakeAt(alarmAt(step.state));
    if (step.effect) {
      this.begun = step.state.turn;
      void this.perform(step.effect, step.state.turn);
    }
    if (step.reports.length) void this.flush().catch(() => {}); // else with the next alarm
    return step.state;
  }

  /** @returns {Promise<Env>} */
  async env() {
    const {pace, limits, dryRun, optOut} = await this.storage.settings();
    return {
      now: this.clock.now(), random: this.clock.random, pace: bounded(pace, limits), dryRun,
      optOut: [...OPT_OUT, ...optOut],
    };
  }

  /** @param {Effect} effect @param {number} turn */
  async perform(effect, turn) {
    if (effect.do === 'pull') {
      await this.dispatch(await this.pull(), turn);
      return;
    }
    try {
      await this.page.perform(effect, turn);
    } catch {
      await this.dispatch({type: 'page_gone'}, turn);
    }
  }

  /** What we know goes first, so that the server does not hand out what is done. */
  async pull() {
    try {
      await this.flush();
      return await this.server.pull((await this.storage.settings()).account);
    } catch {
      return /** @type {Event} */ ({type: 'pull_failed'});
    }
  }

  /** @param {Report[]} reports @param {Taken[]} taken */
  async forget(reports, taken) {
    const memory = await this.read();
    const gone = new Set(reports.filter((_, i) => taken[i]).map(one => one.lease_id + one.task_id + one.code));
    const refused = reports.filter((_, i) => !taken[i]?.taken);
    const log = refused.map(one => ({at: this.clock.now(), what: 'report_refused', who: one.dest_username, detail: one.code}));
    await this.storage.save({
      ...memory,
      outbox: memory.outbox.filter(one => !gone.has(one.lease_id + one.task_id + one.code)),
      log: [...memory.log, ...log].slice(-LINES),
    });
  }
}
