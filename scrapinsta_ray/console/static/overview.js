// The numbers anew every ten seconds, while somebody looks and has nothing in focus that would be lost.
async function renew() {
  const main = document.querySelector("main");
  if (document.hidden || main.contains(document.activeElement)) return;
  const answer = await fetch(location.href);
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  main.replaceChildren(...page.querySelector("main").childNodes);
}

setInterval(() => { renew().catch(() => {}); }, 10_000);
