/** The server's HTTP contract, with a short token in exchange for the key. */

/** @typedef {import('./types.js').Event} Event */
/** @typedef {import('./types.js').Report} Report */
/** @typedef {import('./engine.js').Taken} Taken */

const LIMIT_MS = 20_000;

/** The server's answer was not a success. */
export class Refused extends Error {
  /** @param {number} status @param {string} code @param {string} message @param {number} retryAfterS */
  constructor(status, code, message, retryAfterS = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

/** Answers of the server that only a person can mend, by their code: what to tell the user. */
const FATAL = new Map([
  ['NO_CREDENTIALS', 'bad_key'], ['BAD_CREDENTIALS', 'bad_key'], ['CLIENT_SUSPENDED', 'suspended'],
  ['SCOPE_MISSING', 'scope_missing'], ['ACCOUNT_INVALID', 'bad_account'], ['ACCOUNT_MISSING', 'bad_account'],
]);

export class Server {
  /**
   * @param {() => Promise<{server: string, key: string}>} access
   * @param {{get: () => Promise<Token | null>, set: (token: Token | null) => Promise<void>}} tokens
   * @param {typeof fetch} fetcher
   *
   * @typedef {{token: string, until: number, key: string}} Token
   */
  constructor(access, tokens, fetcher = fetch) {
    this.access = access;
    this.tokens = tokens;
    this.fetch = fetcher;
  }

  /** @param {string} account @returns {Promise<Event>} */
  async pull(account) {
    try {
      const {body, date} = await this.call('POST', '/api/send/pull', {account, body: {limit: 1}});
      return {type: 'pulled', items: body.items, retryAfterS: body.retry_after_s, serverNow: date};
    } catch (error) {
      if (!(error instanceof Refused)) return {type: 'pull_failed'};
      return {type: 'pull_failed', retryAfterS: error.retryAfterS, fatal: FATAL.get(error.code), detail: error.message};
    }
  }

  /** @param {string} account @param {Report[]} reports @returns {Promise<Taken[]>} */
  async report(account, reports) {
    try {
      const {body} = await this.call('POST', '/api/send/result', {account, body: reports});
      return body.results.map((/** @type {{status: string, error?: {code: string}}} */ one) =>
        ({taken: one.status === 'ok', why: one.error?.code}));
    } catch (error) {
      if (!(error instanceof Refused) || ![400, 422].includes(error.status)) throw error;
      if (reports.length === 1) return [{taken: false, why: error.code}];
      const every = [];
      for (const one of reports) every.push(...await this.report(account, [one]));
      return every;
    }
  }

  /**
   * One call. Throws Refused, or a TypeError or DOMException when nobody answers.
   *
   * @param {string} method
   * @param {string} path
   * @param {{account?: string, body?: unknown, idempotencyKey?: string}} [options]
   * @returns {Promise<{body: any, date: number}>}
   */
  async call(method, path, options = {}) {
    const answer = await this.send(method, path, options, await this.token());
    if (answer.status !== 401) return understood(answer);
    await this.tokens.set(null); // revoked, or its key of the server is gone: once more with a new one
    return understood(await this.send(method, path, options, await this.token()));
  }

  /** @param {string} method @param {string} path
   * @param {{account?: string, body?: unknown, idempotencyKey?: string}} options @param {string} token */
  async send(method, path, {account, body, idempotencyKey}, token) {
    const {server} = await this.access();
    /** @type {Record<string, string>} */
    const headers = {Authorization: `Bearer ${token}`};
    if (account) headers['X-Account'] = account;
    if (idempotencyKey) headers['Idempotency-Key'] = idempotencyKey;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    return this.fetch(server + path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: 'omit',
      cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(LIMIT_MS),
    });
  }

  async token() {
    const {server, key} = await this.access();
    const kept = await this.tokens.get();
    if (kept && kept.key === key && kept.until > Date.now()) return kept.token;
    const answer = await this.fetch(`${server}/api/auth/login`, {
      method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({api_key: key}),
      credentials: 'omit', cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(LIMIT_MS),
    });
    const {body} = await understood(answer);
    const until = Date.now() + 1000 * Math.max(0, body.expires_in - 60);
    await this.tokens.set({token: body.access_token, until, key});
    return /** @type {string} */ (body.access_token);
  }
}

/** @param {Response} answer */
async function understood(answer) {
  const date = Date.parse(answer.headers.get('Date') ?? '') || Date.now();
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return {body, date};
  const {code = 'NO_JSON', message = `HTTP ${answer.status}`} = body?.error ?? {};
  throw new Refused(answer.status, code, message, Number(answer.headers.get('Retry-After')) || 0);
}
