/** The settings, a test that says what is wrong, and the activity log. */

import {bounded} from '../src/pace.js';
import {changeSettings, readSettings} from '../src/storage.js';
import {OPT_OUT} from '../src/wishes.js';
import {ask, byId, make, say, text, translate} from '../ui/ui.js';

const PACE = /** @type {const} */ (['perHour', 'perDay', 'gapMinS', 'gapMaxS', 'fromHour', 'toHour']);
const SITE = /** @type {string[]} */ (chrome.runtime.getManifest().host_permissions)[0];

translate();

/** @param {string} id */
const field = id => byId(id, HTMLInputElement);

async function fill() {
  const settings = await readSettings(), pace = bounded(settings.pace, settings.limits);
  for (const name of /** @type {const} */ (['server', 'key', 'account'])) field(name).value = settings[name];
  for (const name of PACE) field(name).value = String(pace[name]);
  field('dryRun').checked = settings.dryRun;
  byId('optOut', HTMLTextAreaElement).value = settings.optOut.join('\n');
  byId('opt_out_help', HTMLElement).textContent = text('opt_out_help', OPT_OUT.join(', '));
  const most = bounded({perHour: Infinity, perDay: Infinity}, settings.limits);
  byId('pace_help', HTMLElement).textContent = text('pace_help', most.perHour, most.perDay);
}

/** https://host, or http on this machine; null for anything else. @param {string} typed */
function originOf(typed) {
  try {
    const url = new URL(typed.includes('://') ? typed : `https://${typed}`);
    const local = ['localhost', '127.0.0.1'].includes(url.hostname);
    return url.protocol === 'https:' || (url.protocol === 'http:' && local) ? url.origin : null;
  } catch {
    return null;
  }
}

/** A match pattern knows no port. @param {string} origin */
const pattern = origin => `${new URL(origin).protocol}//${new URL(origin).hostname}/*`;

byId('form', HTMLFormElement).addEventListener('submit', async event => {
  event.preventDefault();
  const status = byId('save_status', HTMLElement), server = originOf(field('server').value.trim());
  if (!server) return say(status, text('bad_address'), 'bad');
  await chrome.permissions.request({origins: [pattern(server)]}).catch(() => false); // the test tells if it was refused
  await chrome.storage.session.remove('token');
  await changeSettings({
    server, key: field('key').value.trim(), account: field('account').value.trim().replace(/^@/, '').toLowerCase(),
    pace: Object.fromEntries(PACE.map(name => [name, Number(field(name).value)])), dryRun: field('dryRun').checked,
    optOut: byId('optOut', HTMLTextAreaElement).value.split('\n').map(word => word.trim()).filter(Boolean),
  });
  say(status, text('saved'), 'good');
  await test();
  await fill();
});

async function test() {
  const status = byId('test_status', HTMLElement), {server} = await readSettings();
  if (!server) return say(status, text('not_set_up'), 'bad');
  if (!await chrome.permissions.contains({origins: [pattern(server)]})) return say(status, text('test_no_permission'), 'bad');
  try {
    const {client_id, limits} = await ask('check');
    say(status, text('test_ok', client_id, limits.messages_per_hour, limits.messages_per_day), 'good');
  } catch (error) {
    const {message} = /** @type {Error} */ (error);
    say(status, /fetch|network|timed out|aborted/i.test(message) ? text('test_away') : text('test_refused', message), 'bad');
  }
  return undefined;
}

byId('test', HTMLButtonElement).addEventListener('click', () => void test().then(fill));

byId('read_account', HTMLButtonElement).addEventListener('click', async () => {
  for (const tab of await chrome.tabs.query({url: SITE})) {
    const answer = await chrome.tabs.sendMessage(/** @type {number} */ (tab.id), {do: 'who'}).catch(() => null);
    if (answer?.account) {
      field('account').value = answer.account;
      return;
    }
  }
  say(byId('test_status', HTMLElement), text('account_unread'), 'bad');
});

// ---- the log ---------------------------------------------------------------------------------------------

async function drawLog() {
  const {log} = await ask('state');
  const rows = log.slice(-200).reverse().map((/** @type {import('../src/types.js').Line} */ line) => {
    const row = make('tr');
    const cells = [new Date(line.at).toLocaleString(), line.who ?? '', text(`log_${line.what}`), line.detail ?? ''];
    row.append(...cells.map(cell => make('td', cell)));
    return row;
  });
  byId('log', HTMLElement).replaceChildren(...rows);
}

byId('export', HTMLButtonElement).addEventListener('click', async () => {
  const {log} = await ask('state');
  const quoted = (/** @type {string} */ cell) => `"${(/^[=+\-@\t]/.test(cell) ? `'${cell}` : cell).replaceAll('"', '""')}"`;
  const lines = log.map((/** @type {import('../src/types.js').Line} */ {at, who, what, detail}) =>
    [new Date(at).toISOString(), who ?? '', what, detail ?? ''].map(quoted).join(','));
  const link = /** @type {HTMLAnchorElement} */ (make('a'));
  link.href = URL.createObjectURL(new Blob([['when,who,what,detail', ...lines].join('\r\n')], {type: 'text/csv'}));
  link.download = 'scrapinsta-activity.csv';
  link.click();
  URL.revokeObjectURL(link.href);
});

byId('clear_log', HTMLButtonElement).addEventListener('click', () => void ask('clear_log').then(drawLog));

await fill();
await drawLog();
chrome.storage.local.onChanged.addListener(() => void drawLog());
