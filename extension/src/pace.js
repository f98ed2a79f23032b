/** When the next message may leave: limits by the hour and the day, gaps between, hours of work. Pure. */

/** @typedef {import('./types.js').Pace} Pace */

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** What the house keeps to when nobody says otherwise, and what no setting passes. @type {Pace} */
export const DEFAULT_PACE = {perHour: 6, perDay: 20, gapMinS: 120, gapMaxS: 600, fromHour: 9, toHour: 21};
export const CEILING_PER_DAY = 50;

/**
 * The slower of what the user wants and what the server allows, field by field.
 *
 * @param {Partial<Pace>} wanted
 * @param {{messages_per_hour?: number, messages_per_day?: number}} [server]
 * @returns {Pace}
 */
export function bounded(wanted, server = {}) {
  const pace = {...DEFAULT_PACE, ...wanted};
  const perDay = Math.min(pace.perDay, server.messages_per_day ?? DEFAULT_PACE.perDay, CEILING_PER_DAY);
  const perHour = Math.min(pace.perHour, server.messages_per_hour ?? DEFAULT_PACE.perHour, perDay);
  const gapMinS = Math.max(0, pace.gapMinS);
  return {...pace, perHour: Math.max(0, perHour), perDay: Math.max(0, perDay), gapMinS,
    gapMaxS: Math.max(gapMinS, pace.gapMaxS)};
}

/**
 * When the next message may leave: `now` or later. `history` are the times of those that left, oldest first.
 *
 * @param {number} now
 * @param {number[]} history
 * @param {Pace} pace
 */
export function nextFree(now, history, pace) {
  const byHour = windowFree(now, history, pace.perHour, HOUR);
  const byDay = windowFree(now, history, pace.perDay, DAY);
  return atWork(Math.max(byHour, byDay), pace);
}

/**
 * Sliding window: at most `limit` in any stretch of `length` ms.
 *
 * @param {number} now
 * @param {number[]} history
 * @param {number} limit
 * @param {number} length
 */
function windowFree(now, history, limit, length) {
  if (limit < 1) return now + length;
  const recent = history.filter(at => at > now - length);
  return recent.length < limit ? now : recent[recent.length - limit] + length;
}

/**
 * `at`, or the beginning of the next hours of work, by the local clock.
 *
 * @param {number} at
 * @param {Pace} pace
 */
export function atWork(at, {fromHour, toHour}) {
  if (fromHour === toHour) return at;
  const when = new Date(at), hour = when.getHours();
  const inside = fromHour < toHour ? hour >= fromHour && hour < toHour : hour >= fromHour || hour < toHour;
  if (inside) return at;
  const next = new Date(at);
  next.setHours(fromHour, 0, 0, 0);
  if (next.getTime() <= at) next.setDate(next.getDate() + 1);
  return next.getTime();
}

/**
 * A random pause between two messages, ms.
 *
 * @param {Pace} pace
 * @param {() => number} random
 */
export function gap({gapMinS, gapMaxS}, random) {
  return 1000 * (gapMinS + random() * (gapMaxS - gapMinS));
}

/**
 * What of `history` still counts: the last day.
 *
 * @param {number[]} history
 * @param {number} now
 */
export function lastDay(history, now) {
  return history.filter(at => at > now - DAY);
}
