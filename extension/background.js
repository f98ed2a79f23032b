/** The service worker: Chrome's events to the engine, and what the pages of the extension ask for. */

import {Engine} from './src/engine.js';
import {readSettings, storage, tokens} from './src/storage.js';
import {Server} from './src/server.js';
import {Tab} from './src/tab.js';
import {show} from './src/badge.js';
import {answer} from './src/commands.js';

/** @typedef {import('./src/types.js').Event} Event */

const SENDER = 'sender', OUTBOX = 'outbox';

const server = new Server(readSettings, tokens, (...args) => fetch(...args));
const tab = new Tab(async () => (await readSettings()).account);
const engine = new Engine(storage, tab, server, {
  now: Date.now,
  random: Math.random,
  wakeAt(at) {
    if (at === null) void chrome.alarms.clear(SENDER);
    else void chrome.alarms.create(SENDER, {when: Math.max(at, Date.now() + 500)});
  },
});

chrome.runtime.onInstalled.addListener(begin);
chrome.runtime.onStartup.addListener(begin);

async function begin() {
  await chrome.alarms.create(OUTBOX, {periodInMinutes: 1});
  await engine.wake();
  show((await engine.read()).sender);
}

// A new life: what was under way goes on, unless whatever began this life is the answer to it.
setTimeout(() => void engine.wake(), 2000);

chrome.alarms.onAlarm.addListener(({name}) => {
  if (name === SENDER) void engine.wake();
  if (name === OUTBOX) void engine.flush().catch(() => {}).then(() => engine.wake());
});

chrome.tabs.onRemoved.addListener(async id => {
  if (!await tab.isOurs(id)) return;
  await chrome.storage.session.remove('tab');
  const {sender} = await engine.read();
  if (sender.item) await engine.dispatch({type: 'page_gone'}, sender.turn);
});

chrome.runtime.onMessage.addListener((message, from, respond) => {
  if (from.id !== chrome.runtime.id) return false;
  void hear(message, from).then(value => respond({value}), error => respond({error: String(error?.message ?? error)}));
  return true;
});

/**
 * From a page of the site: that it has loaded, or what became of a step. From popup and options: commands.
 *
 * @param {any} message
 * @param {chrome.runtime.MessageSender} from
 */
async function hear(message, from) {
  if (!from.tab || from.url?.startsWith(chrome.runtime.getURL(''))) return answer(message, engine, server, tab);
  if (message.ask === 'enqueue_followings') return answer(message, engine, server, tab);
  if (!await tab.isOurs(from.tab.id)) return null;
  if (message.loaded) await tab.loaded((await engine.read()).sender);
  if (message.event) await engine.dispatch(/** @type {Event} */ (message.event), message.turn);
  return null;
}

chrome.storage.local.onChanged.addListener(changes => {
  if (changes.sender?.newValue) show(/** @type {any} */ (changes.sender.newValue));
});
