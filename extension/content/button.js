/** A button on a profile: collect whom this account follows. A classic script of its own, apart from the sender's steps. */
(() => {
  const NAME = 'scrapinsta-collect', LIMIT = 1000;
  const PAGES = new Set(['explore', 'reels', 'direct', 'accounts', 'stories', 'p', 'reel', 'challenge']);

  /** @param {string} name @param {string} [value] */
  const text = (name, value = '') => chrome.i18n.getMessage(name, [value]);

  const profile = () => {
    const found = /^\/([a-z0-9._]{1,30})\/?$/i.exec(location.pathname);
    return found && !PAGES.has(found[1]) && document.querySelector('header h2, header h1') ? found[1].toLowerCase() : null;
  };

  /** @param {string} username */
  const place = username => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = NAME;
    button.dataset.username = username;
    button.textContent = text('collect_button');
    button.style.cssText = 'margin:4px;padding:6px 12px;border:1px solid #7a2f8f;border-radius:8px;white-space:nowrap;width:max-content;background:#fff;color:#7a2f8f;font:600 14px system-ui;cursor:pointer';
    const id = crypto.randomUUID();
    button.addEventListener('click', async () => {
      button.disabled = true;
      const request = {ask: 'enqueue_followings', id, body: {target_username: username, limit: LIMIT}};
      const answer = await chrome.runtime.sendMessage(request).catch(error => ({error: String(error)}));
      button.textContent = answer?.error ? text('collect_failed', answer.error) : text('collect_asked');
      button.disabled = !answer?.error;
    });
    document.querySelector('header h2, header h1')?.parentElement?.append(button);
  };

  const look = () => {
    const username = profile(), there = /** @type {HTMLElement | null} */ (document.querySelector(`.${NAME}`));
    if (there && there.dataset.username !== username) there.remove();
    if (username && !document.querySelector(`.${NAME}`)) place(username);
  };

  look();
  setInterval(look, 1500); // the site changes its pages without loading them
})();
