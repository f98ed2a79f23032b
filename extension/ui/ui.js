/** What popup and options have in common: texts, elements, and questions to the service worker. */

/** @param {string} name @param {...(string | number)} values */
export function text(name, ...values) {
  return chrome.i18n.getMessage(name, values.map(String)) || name;
}

/** Puts the texts of the user's language where the page says so. */
export function translate() {
  document.documentElement.lang = text('language');
  for (const node of document.querySelectorAll('[data-text]')) node.textContent = text(/** @type {HTMLElement} */ (node).dataset.text ?? '');
  document.title = text('name');
}

/**
 * The element with this id, of this kind.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`there is no ${id}`);
  return found;
}

/** @param {string} tag @param {string} [content] @param {string} [className] */
export function make(tag, content = '', className = '') {
  const node = document.createElement(tag);
  node.textContent = content;
  if (className) node.className = className;
  return node;
}

/**
 * Asks the service worker. Throws with the sentence for the user.
 *
 * @param {string} what
 * @param {object} [more]
 * @returns {Promise<any>}
 */
export async function ask(what, more = {}) {
  const answer = await chrome.runtime.sendMessage({ask: what, ...more});
  if (answer?.error) throw new Error(answer.error);
  return answer?.value;
}

/** @param {HTMLElement} place @param {string} words @param {'good' | 'bad' | 'wait' | 'soft'} look */
export function say(place, words, look = 'soft') {
  place.textContent = words;
  place.className = look;
}

/** m:ss, or h:mm:ss. @param {number} ms */
export function clock(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000)), two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
