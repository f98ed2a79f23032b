/**
 * The steps on a page of the site. A classic script: Chrome gives content scripts no modules.
 *
 * Nothing here decides anything: a step is asked for with the number of its turn, done, and answered with an event.
 * A step that is asked for ends the one before it.
 */
(() => {
  /** @typedef {import('../src/types.js').Event} Event */
  /** @typedef {import('../src/types.js').Bubble} Bubble */

  const LIMIT = 20_000, PATIENCE = 15_000, TICK = 150;
  const BLOCKS = new RegExp([
    'try again later', 'action blocked', 'we restrict certain activity', 'restringimos determinada actividad',
    'restringimos cierta actividad', 'vuelve a intentarlo m[aá]s tarde', 'int[eé]ntalo de nuevo m[aá]s tarde',
    'acci[oó]n bloqueada', 'please wait a few minutes', 'espera unos minutos', 'confirm it.s you', 'confirma que eres t[uú]',
    'suspicious login', 'we suspended your account', 'suspendimos tu cuenta',
  ].join('|'), 'i');
  const MISSING = /sorry, this page isn.t available|esta p[aá]gina no est[aá] disponible|page not found/i;
  const REFUSALS = new RegExp([
    'doesn.t allow new message requests', 'can.t message this account unless they follow you',
    'no permite nuevas solicitudes de mensajes', 'no puedes enviar mensajes a esta cuenta',
    'not everyone can message this account', 'no todos pueden enviar mensajes a esta cuenta',
  ].join('|'), 'i');
  const MESSAGE = /^(message|enviar mensaje|mensaje)$/i, SEND = /^(send|enviar)$/i;
  const MINE = /^(you sent|you replied|enviaste|has enviado|respondiste|t[uú] enviaste)/i;

  let turn = -1;
  /** @type {object | null} */
  let busy = null;

  // ---- looking -------------------------------------------------------------------------------------------

  /** @param {string} selector @param {ParentNode} [within] */
  const all = (selector, within = document) => /** @type {HTMLElement[]} */ ([...within.querySelectorAll(selector)]);
  /** @param {Element | null | undefined} node */
  const said = node => (node?.textContent ?? '').replace(/\s+/g, ' ').trim();
  /** @param {Element} node */
  const seen = node => node.getClientRects().length > 0;

  /** Where the site itself speaks, never where people write. */
  const notices = () => [document.title, ...all('h1, h2, [role=dialog], [role=alert], [role=alertdialog]')
    .filter(node => !node.closest('[role=grid], [role=row], [role=textbox]') && said(node).length < 400).map(said)];
  const box = () => /** @type {HTMLElement | null} */ (document.querySelector('div[contenteditable="true"][role="textbox"]'));
  /** @param {RegExp} name */
  const button = name => all('[role=button], button').find(node => seen(node)
    && (name.test(said(node)) || name.test(node.getAttribute('aria-label') ?? '')));

  const refused = () => {
    const copy = /** @type {HTMLElement} */ (document.body.cloneNode(true));
    all('script, style, [role=grid], [role=row], [role=textbox]', copy).forEach(node => node.remove());
    return REFUSALS.test(copy.textContent ?? '');
  };

  /** Who is logged in: the profile link with a picture in the navigation; null if the page does not say. */
  const viewer = () => {
    const links = all('nav a[href], [role=navigation] a[href]').filter(link => link.querySelector('img, [role=img]'));
    for (const link of links) {
      const found = /^\/([a-z0-9._]{1,30})\/$/i.exec(link.getAttribute('href') ?? '');
      if (found && !['explore', 'reels', 'direct', 'accounts'].includes(found[1])) return found[1].toLowerCase();
    }
    return null;
  };

  /** What keeps any step from being done here. @returns {Event | null} */
  const trouble = () => {
    const {pathname} = location;
    if (/^\/(challenge|accounts\/suspended)(\/|$)/.test(pathname)) return {type: 'blocked', words: pathname};
    if (pathname.startsWith('/accounts/login')) return {type: 'logged_out'};
    const words = notices().find(text => BLOCKS.test(text));
    if (words) return {type: 'blocked', words: words.slice(0, 200)};
    if (document.querySelector('form input[type=password]')) return {type: 'logged_out'};
    return null;
  };

  /** @returns {Bubble[]} */
  const bubbles = () => all('[role=row]').flatMap(row => {
    const texts = all('[dir=auto]', row).filter(node => !node.querySelector('[dir=auto]') && said(node)
      && !node.matches('h1, h2, h3, h4, h5, h6') && !node.closest('h1, h2, h3, h4, h5, h6'));
    return texts.map(node => ({mine: isMine(row, node), text: node.innerText}));
  });

  /** @param {HTMLElement} row @param {HTMLElement} text */
  const isMine = (row, text) => {
    const titles = all('h3, h4, h5, h6, [data-testid]', row).map(said);
    if (titles.length) return titles.some(title => MINE.test(title));
    const frame = row.getBoundingClientRect(), place = text.getBoundingClientRect();
    return place.left + place.right > frame.left + frame.right; // ours are on the right
  };

  // ---- waiting -------------------------------------------------------------------------------------------

  /** @param {number} ms */
  const pause = ms => new Promise(resolve => { setTimeout(resolve, ms); });

  class Superseded extends Error {}

  /** @param {object} work */
  const stillAt = work => { if (busy !== work) throw new Superseded(); };

  /**
   * The first answer of `look` that is not null, or `otherwise` after `limit` ms.
   *
   * @template T
   * @param {object} work
   * @param {() => T | null} look
   * @param {T} otherwise
   */
  const until = async (work, look, otherwise, limit = LIMIT) => {
    for (const end = Date.now() + limit; Date.now() < end;) {
      stillAt(work);
      const found = look();
      if (found !== null) return found;
      await pause(TICK);
    }
    stillAt(work);
    return look() ?? otherwise;
  };

  // ---- steps ---------------------------------------------------------------------------------------------

  /** @type {Record<string, (request: any, work: object) => Promise<Event | null>>} */
  const steps = {
    profile: ({username, account}, work) => until(work, () => {
      const found = trouble();
      if (found) return found;
      if (notices().some(text => MISSING.test(text))) return {type: 'not_found'};
      const whose = viewer();
      if (whose !== null && whose !== account) return {type: 'other_account', account: whose};
      const here = location.pathname.replaceAll('/', '').toLowerCase() === username;
      return here && whose && all('header h1, header h2').some(node => said(node).toLowerCase().includes(username))
        ? {type: 'opened'} : null;
    }, {type: 'layout_unknown', step: 'profile'}),

    async enter(_request, work) {
      const message = button(MESSAGE);
      if (!message) return document.querySelector('header') ? {type: 'not_allowed'} : {type: 'layout_unknown', step: 'message button'};
      message.click();
      return arrived(work, null); // the page may go away under us: then the next one is asked
    },

    arrive: (_request, work) => arrived(work, {type: 'layout_unknown', step: 'thread'}),

    async read({text, alike, patient}, work) {
      const look = () => ({type: /** @type {const} */ ('read'), bubbles: bubbles(), refused: refused(), box: !!box()});
      const count = () => bubbles().filter(one => one.mine && plain(one.text) === plain(text)).length;
      if (patient) await until(work, () => count() > alike || null, true, PATIENCE);
      return trouble() ?? look();
    },

    async type({text}, work) {
      const field = box();
      if (!field) return {type: 'layout_unknown', step: 'box'};
      await clear(field);
      const lines = text.split('\n');
      for (const [number, line] of lines.entries()) {
        if (number) document.execCommand('insertLineBreak');
        for (const piece of line.match(/\s*\S{1,4}|\s+/gu) ?? []) {
          await pause(human());
          stillAt(work);
          if (document.activeElement !== field) field.focus();
          document.execCommand('insertText', false, piece);
        }
      }
      const found = trouble();
      if (found) return found;
      return plain(field.innerText) === plain(text) ? {type: 'typed'} : {type: 'layout_unknown', step: 'typing'};
    },

    async send({text, alike}, work) {
      const found = trouble(), field = box();
      if (found) return found;
      if (!field || plain(field.innerText) !== plain(text)) return {type: 'layout_unknown', step: 'text in the box'};
      const send = button(SEND);
      if (!send) return {type: 'layout_unknown', step: 'send button'};
      stillAt(work);
      send.click();
      return until(work, () => {
        if (bubbles().filter(one => one.mine && plain(one.text) === plain(text)).length > alike) return {type: 'bubble'};
        return refused() ? {type: 'not_allowed'} : trouble();
      }, {type: 'no_bubble'});
    },
  };

  /** @param {object} work @param {Event | null} otherwise @returns {Promise<Event | null>} */
  const arrived = (work, otherwise) => until(work, () => {
    const found = trouble();
    if (found) return found;
    const inThread = location.pathname.startsWith('/direct/t/') && document.readyState === 'complete';
    return inThread && (box() || refused()) ? {type: /** @type {const} */ ('entered')} : null;
  }, otherwise);

  /** @param {string} text */
  const plain = text => text.normalize('NFC').replace(/\s+/g, ' ').trim();

  /** Milliseconds between two pieces of a text. */
  const human = () => 40 + Math.random() * 140;

  /** @param {HTMLElement} field */
  const clear = async field => {
    field.focus();
    if (!field.innerText.trim()) return;
    document.execCommand('selectAll');
    document.execCommand('delete');
    await pause(TICK);
  };

  // ---- the service worker --------------------------------------------------------------------------------

  chrome.runtime.onMessage.addListener((request, from, respond) => {
    if (from.id !== chrome.runtime.id) return;
    if (request.do === 'busy') respond({turn: busy ? turn : null});
    else if (request.do === 'who') respond({account: viewer()});
    else if (request.do === 'halt') { busy = null; respond({}); }
    else if (request.do in steps) { respond({}); void work(request); }
  });

  /** @param {{do: string, turn: number}} request */
  const work = async request => {
    const own = busy = {};
    turn = request.turn;
    try {
      const event = await steps[request.do](request, own);
      if (busy === own && event) await chrome.runtime.sendMessage({event, turn: request.turn});
    } catch (error) {
      if (!(error instanceof Superseded)) throw error;
    } finally {
      if (busy === own) busy = null;
    }
  };

  void chrome.runtime.sendMessage({loaded: true}).catch(() => {}); // no one listens when the extension was replaced
})();
