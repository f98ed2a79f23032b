/** What is kept in the browser: settings and the sender's memory on disk, tokens and the tab until it closes. */

/** @typedef {import('./engine.js').Settings} Settings */
/** @typedef {import('./engine.js').Memory} Memory */
/** @typedef {import('./server.js').Token} Token */

/** @type {Settings & {key: string}} */
const UNSET = {server: '', key: '', account: '', pace: {}, dryRun: false, optOut: [], limits: {}};

/** @returns {Promise<Settings & {key: string}>} */
export async function readSettings() {
  const {settings} = await chrome.storage.local.get('settings');
  return {...UNSET, .../** @type {Partial<Settings>} */ (settings ?? {})};
}

/** @param {Partial<Settings & {key: string}>} changes */
export async function changeSettings(changes) {
  await chrome.storage.local.set({settings: {...await readSettings(), ...changes}});
}

/** @type {import('./engine.js').Storage} */
export const storage = {
  load: async () => /** @type {Partial<Memory>} */ (await chrome.storage.local.get(['sender', 'outbox', 'log'])),
  save: memory => chrome.storage.local.set(memory),
  settings: readSettings,
};

export const tokens = {
  /** @returns {Promise<Token | null>} */
  async get() {
    const {token} = await chrome.storage.session.get('token');
    return /** @type {Token | undefined} */ (token) ?? null;
  },
  /** @param {Token | null} token */
  set: token => token ? chrome.storage.session.set({token}) : chrome.storage.session.remove('token'),
};
