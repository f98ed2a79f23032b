/** What the tests have in common: a sender in any phase, and an environment without chance. */

import {NEW} from '../../../extension/src/machine.js';

/** @typedef {import('../../../extension/src/types.js').Sender} Sender */

export const NOON = new Date(2026, 4, 4, 12).getTime();
export const QUICK = {perHour: 6, perDay: 20, gapMinS: 60, gapMaxS: 60, fromHour: 0, toHour: 0};

/** @param {object} [changes] */
export const item = (changes = {}) => ({
  job_id: 'job:1', task_id: 'job:1:send_message:ana', dest_username: 'ana', lease_id: 'lease1', attempt: 1,
  payload: {message: 'Hola Ana'}, lease_expires_at: new Date(NOON + 600_000).toISOString(), maybe_sent: false,
  ...changes,
});

/** @param {object} [changes] */
export const held = (changes = {}) => ({...item(), deadline: NOON + 600_000, ...changes});

/** @param {object} [changes] */
export const env = (changes = {}) => ({now: NOON, random: () => 0.5, pace: QUICK, dryRun: false, optOut: ['stop', 'baja'], ...changes});

const WORKING = new Set(['opening', 'entering', 'reading', 'typing', 'sending']);

/** A sender in this phase, past its dry runs. @param {Sender['phase']} phase @param {Partial<Sender>} [changes] @returns {Sender} */
export const sender = (phase, changes = {}) => ({
  ...NEW, why: '', phase, turn: 7, since: NOON - 1000, dryRunsLeft: 0, until: phase === 'resting' ? NOON + 1000 : 0,
  item: WORKING.has(phase) ? held() : null, intentAt: phase === 'sending' ? NOON - 1000 : 0,
  history: phase === 'sending' ? [NOON - 1000] : [], ...changes,
});
