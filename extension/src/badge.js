/** The state of the sender on the extension's button. */

/** @typedef {import('./types.js').Sender} Sender */

const COLOURS = {resting: '#5b6b7b', paused: '#8a6d00', stopped: '#b3261e', working: '#1b6e3c'};

/** @param {Sender} sender */
export function show(sender) {
  const calm = sender.phase === 'resting' || sender.phase === 'paused' || sender.phase === 'stopped';
  const look = calm ? /** @type {'resting' | 'paused' | 'stopped'} */ (sender.phase) : 'working';
  const text = {resting: sender.history.length ? String(sender.history.length) : '', paused: 'II', stopped: '!', working: '…'}[look];
  void chrome.action.setBadgeBackgroundColor({color: COLOURS[look]});
  void chrome.action.setBadgeText({text});
}
