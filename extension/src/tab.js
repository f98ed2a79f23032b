/** The one tab in which messages are written: visible, the user's own. */

/** @typedef {import('./types.js').Effect} Effect */
/** @typedef {import('./types.js').Sender} Sender */

/** The site's origin: the one host that the manifest asks for. */
export const SITE = new URL(/** @type {string[]} */ (chrome.runtime.getManifest().host_permissions)[0].replace(/\*$/, '')).origin;

export class Tab {
  /** @param {() => Promise<string>} account  the user's own account, as it was confirmed */
  constructor(account) {
    this.account = account;
  }

  /** @param {Effect} effect @param {number} turn */
  async perform(effect, turn) {
    if (effect.do === 'open') await this.navigate(`${SITE}/${effect.username}/`);
    else await this.ask({...effect, turn});
  }

  /** The page has loaded: what it is asked depends on where the sender is. @param {Sender} state */
  async loaded({phase, turn, item}) {
    if (!item) return;
    const {dest_username: username} = item;
    if (phase === 'opening') await this.ask({do: 'profile', username, account: await this.account(), turn});
    if (phase === 'entering') await this.ask({do: 'arrive', username, turn});
  }

  /** @returns {Promise<number | null>} */
  async busyWith() {
    return this.ask({do: 'busy'}).then(answer => answer?.turn ?? null, () => null);
  }

  /** Ends whatever the page is doing: nothing is typed any more. */
  async halt() {
    await this.ask({do: 'halt'}).catch(() => {});
  }

  /** @param {number | undefined} id */
  async isOurs(id) {
    return id !== undefined && id === await this.id();
  }

  // ---- inside -------------------------------------------------------------------------------------------

  async id() {
    const {tab} = await chrome.storage.session.get('tab');
    return /** @type {number | undefined} */ (tab);
  }

  /** @param {string} url */
  async navigate(url) {
    const id = await this.id();
    const there = id === undefined ? null : await chrome.tabs.get(id).catch(() => null);
    if (there?.id !== undefined) {
      await chrome.tabs.update(there.id, {url, active: true});
      return;
    }
    const made = await chrome.tabs.create({url, active: true});
    await chrome.storage.session.set({tab: made.id});
  }

  /** @param {object} request */
  async ask(request) {
    const id = await this.id();
    if (id === undefined) throw new Error('there is no tab');
    return chrome.tabs.sendMessage(id, request);
  }
}
