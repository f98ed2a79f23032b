"use strict";
const $ = (selector, root = document) => root.querySelector(selector);
const data = id => JSON.parse($(`#${id}`).textContent);
const cookie = name => (document.cookie.match(`(?:^|; )${name}=([^;]*)`) || [])[1] || "";
const language = document.documentElement.lang;

// An element with attributes and children; text is never read as HTML.
function make(tag, attributes = {}, ...children) {
  const svg = tag === "svg" || tag === "path";
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const PATHS = {
  eye: "M2 8s2-4 6-4 6 4 6 4-2 4-6 4-6-4-6-4zm6 2a2 2 0 100-4 2 2 0 000 4z",
  pin: "M10 1l5 5-4 1-3 5-2-2-4 5-1-1 5-4-2-2 5-3z",
  heart: "M8 14S1 9 1 5a3.5 3.5 0 017-1 3.5 3.5 0 017 1c0 4-7 9-7 9z",
  talk: "M1 7a6.5 6 0 1113 0 6 6 0 01-6 6l-5 2 1-3a6 6 0 01-3-5z",
  film: "M2 2h12v12H2zM6 5v6l5-3z",
  badge: "M8 0a8 8 0 100 16A8 8 0 008 0zM7 11.5l-3.5-3.5 1-1 2.5 2.5 4.5-4.5 1 1z",
  stack: "M1 4h10v11H1zM4 1h11v10h-3V3H4z",
};
function icon(name, label) {
  const fill = name === "badge" ? "#0095f6" : "currentColor";
  return make("svg", {"aria-label": label, role: "img", width: 16, height: 16, viewBox: "0 0 16 16", fill},
    make("path", {d: PATHS[name], "fill-rule": "evenodd"}));
}

// 12345 -> 12.3K or 12,3 mil, always rounded down.
const [group, point, gap, units] = {{ numbers|tojson }};
const exact = number => String(number).replace(/\B(?=(\d{3})+$)/g, group);
function shortened(number) {
  if (number < 10000) return exact(number);
  const unit = number >= 1e6 ? 1 : 0, tenths = Math.floor(number * 10 / (unit ? 1e6 : 1e3));
  const whole = Math.floor(tenths / 10), rest = tenths % 10, decimals = rest && whole < 1000 ? point + rest : "";
  return whole + decimals + gap + (units[unit] === "millones" && whole === 1 && !decimals ? "millón" : units[unit]);
}

// A call as the site's own scripts make it. Answers {ok, status, body}; what concerns the whole page is done here.
async function call(path, form) {
  const headers = {
    "X-IG-App-ID": "936619743392459", "X-ASBD-ID": "129477", "X-Requested-With": "XMLHttpRequest",
    "X-CSRFToken": cookie("csrftoken"), "X-IG-WWW-Claim": sessionStorage.getItem("www-claim-v2") || "0",
  };
  const answer = await fetch(path, form ? {method: "POST", headers, body: new URLSearchParams(form)} : {headers});
  const claim = answer.headers.get("x-ig-set-www-claim");
  if (claim) sessionStorage.setItem("www-claim-v2", claim);
  const body = await answer.json().catch(() => ({}));
  if (body.message === "feedback_required") tell(body.feedback_title, body.feedback_message);
  if (body.message === "checkpoint_required") location.assign(body.checkpoint_url);
  if (body.message === "challenge_required") location.assign(body.challenge.url);
  if (answer.redirected && /^\/(challenge|accounts\/suspended)\//.test(new URL(answer.url).pathname)) location.assign(answer.url);
  if (body.message === "login_required") location.assign(`/accounts/login/?next=${encodeURIComponent(location.pathname)}`);
  return {ok: answer.ok, status: answer.status, body};
}

function dialog(title, ...content) {
  const close = make("button", {"aria-label": {{ t.close|tojson }}}, "✕");
  const box = make("div", {role: "dialog", "aria-label": title, class: "{{ c.dialog }}"},
    make("div", {class: "{{ c.dialoghead }}"}, make("h1", {}, title), close), ...content);
  const shade = make("div", {class: "{{ c.shade }}"}, box);
  close.onclick = () => { shade.remove(); shade.dispatchEvent(new Event("gone")); };
  document.body.append(shade);
  return shade;
}

function tell(title, text) {
  const ok = make("button", {class: "{{ c.grey }}"}, {{ t.ok|tojson }});
  const shade = dialog(title, make("div", {class: "{{ c.notice }}"}, make("p", {}, text), ok));
  ok.onclick = () => shade.remove();
}
