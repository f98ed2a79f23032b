// A job live: its bars and numbers change in place; when its state changes, the page is loaded again.
const live = document.querySelector("#live");
const PARTS = ["ok", "error", "cancelled", "sent"];

function draw(stage, counts) {
  let at = 0;
  for (const part of PARTS) {
    const wide = counts.total ? (counts[part] / counts.total) * 100 : 0;
    const rect = stage.querySelector(`[data-part="${part}"]`);
    rect.setAttribute("x", at.toFixed(2));
    rect.setAttribute("width", wide.toFixed(2));
    at += wide;
  }
  for (const number of stage.querySelectorAll("[data-count]")) {
    number.textContent = counts[number.dataset.count];
  }
}

function tell(summary) {
  for (const stage of live.querySelectorAll("[data-stage]")) {
    const counts = summary.stages ? summary.stages.find(one => one.job_id === stage.dataset.stage) : summary;
    if (counts) draw(stage, counts);
  }
  const done = summary.ok + summary.error + summary.cancelled;
  live.querySelector("[data-said]").textContent =
    live.dataset.ended.replace("{done}", done).replace("{total}", summary.total);
  if (summary.status !== live.dataset.status) again();
}

// What an earlier form has done is not said a second time.
function again() {
  const here = new URL(location.href);
  here.searchParams.delete("done");
  history.replaceState(null, "", here);
  location.reload();
}

const source = new EventSource(live.dataset.events);
const mark = live.querySelector("[data-live]");
source.addEventListener("open", () => { mark.hidden = false; });
source.addEventListener("error", () => { mark.hidden = true; });
source.addEventListener("summary", event => tell(JSON.parse(event.data)));
source.addEventListener("end", () => source.close());
addEventListener("pagehide", () => source.close());
addEventListener("submit", () => source.close());  // the answer to the form must not lose to a reload
