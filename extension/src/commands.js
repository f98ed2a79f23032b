/** What popup, options and the button on a profile ask of the service worker. */

import {changeSettings, readSettings} from './storage.js';

/** @typedef {import('./engine.js').Engine} Engine */
/** @typedef {import('./server.js').Server} Server */
/** @typedef {import('./tab.js').Tab} Tab */

/**
 * @param {any} request  `{ask, ...}`
 * @param {Engine} engine
 * @param {Server} server
 * @param {Tab} tab
 */
export async function answer(request, engine, server, tab) {
  switch (request.ask) {
    case 'state': return engine.read();
    case 'start': return engine.dispatch({type: 'start'});
    case 'pause':
    case 'stop': return halt(request.ask, engine, tab);
    case 'cancel_jobs': return cancelJobs(server);
    case 'check': return check(server);
    case 'enqueue_followings': return enqueue(server, '/ext/followings/enqueue', request);
    case 'enqueue_analysis': return enqueue(server, '/ext/analyze/enqueue', request);
    case 'enqueue_campaign': return enqueue(server, '/ext/campaigns/enqueue', request);
    case 'flush': return engine.flush();
    case 'clear_log': return engine.clearLog();
    case 'jobs': return (await server.call('GET', '/jobs?limit=10')).body;
    case 'summary': return (await server.call('GET', `/jobs/${encodeURIComponent(request.job)}/summary`)).body;
    default: throw new Error(`nobody answers ${request.ask}`);
  }
}

/** @param {'pause' | 'stop'} type @param {Engine} engine @param {Tab} tab */
async function halt(type, engine, tab) {
  const sender = await engine.dispatch({type});
  if (!sender.intentAt) await tab.halt();
  return sender;
}

/** @param {Server} server @param {string} path @param {{body: object, id: string}} request */
async function enqueue(server, path, {body, id}) {
  const {account} = await readSettings();
  return (await server.call('POST', path, {account, body, idempotencyKey: id})).body;
}

/** Every unfinished job of the client ends; what is in somebody's hands may still be reported. @param {Server} server */
async function cancelJobs(server) {
  const {items} = (await server.call('GET', '/jobs?limit=1000')).body;
  const open = items.filter((/** @type {{status: string}} */ job) => ['pending', 'running', 'paused'].includes(job.status));
  for (const job of open) await server.call('POST', `/jobs/${encodeURIComponent(job.job_id)}/cancel`);
  return {cancelled: open.length};
}

/** Does the server answer, does it take the key, what does it allow? Keeps what it allows. @param {Server} server */
async function check(server) {
  const {body} = await server.call('GET', '/api/auth/me');
  await changeSettings({limits: body.limits});
  return body;
}
