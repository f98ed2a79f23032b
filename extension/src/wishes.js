/** Reading a thread: did we write already, and do they want to be written to? Pure. */

/** @typedef {import('./types.js').Bubble} Bubble */

/** Words after which nobody is written to again. The user may add some. */
export const OPT_OUT = [
  'stop', 'unsubscribe', 'leave me alone', 'do not contact me', "don't contact me", 'not interested',
  'no me escribas', 'no me escriban', 'no me contactes', 'dejen de escribirme', 'deja de escribirme', 'baja',
  'no me interesa',
];

/** One spelling of a text: no accents, no case, single blanks. @param {string} text */
export function folded(text) {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').replace(/[’‘]/g, "'").toLowerCase().replace(/\s+/g, ' ').trim();
}

/**
 * Is this the same message? Blanks and line ends are the page's, not ours.
 *
 * @param {string} one
 * @param {string} other
 */
export function sameText(one, other) {
  const plain = (/** @type {string} */ text) => text.normalize('NFC').replace(/\s+/g, ' ').trim();
  return plain(one) === plain(other);
}

/** How many bubbles of ours say this. @param {Bubble[]} bubbles @param {string} text */
export function alike(bubbles, text) {
  return bubbles.filter(bubble => bubble.mine && sameText(bubble.text, text)).length;
}

/**
 * The first word of `words` that they wrote, as a whole word; null if none.
 *
 * @param {Bubble[]} bubbles
 * @param {string[]} words
 */
export function optOutWord(bubbles, words) {
  const theirs = bubbles.filter(bubble => !bubble.mine).map(bubble => folded(bubble.text));
  for (const word of words.map(folded).filter(Boolean)) {
    const pattern = new RegExp(`(?<![\\p{L}\\p{N}])${word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\p{L}\\p{N}])`, 'u');
    if (theirs.some(text => pattern.test(text))) return word;
  }
  return null;
}

/**
 * Was this person written to before, so that another message would be one too many?
 *
 * Once is enough, but where a cool-off was agreed on: then an answered thread may go on, with another text.
 *
 * @param {Bubble[]} bubbles
 * @param {string} text
 * @param {boolean} afterCoolOff
 */
export function writtenAlready(bubbles, text, afterCoolOff) {
  const last = bubbles.at(-1);
  if (alike(bubbles, text) > 0 || last?.mine) return true;
  return !afterCoolOff && bubbles.some(bubble => bubble.mine);
}
