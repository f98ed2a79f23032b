// The two charts, once Plotly has come; until then, and without it, the server's own drawing stays.
const histogram = document.querySelector("#histogram");
const scatter = document.querySelector("#scatter");
const dark = matchMedia("(prefers-color-scheme: dark)");

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function layout(box, drawn) {
  const axis = (own, title) => ({ ...own, title: { text: title }, gridcolor: colour("--line"), zerolinecolor: colour("--line") });
  return {
    ...drawn, height: 300, margin: { l: 55, r: 10, t: 10, b: 45 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent",
    font: { family: "system-ui, sans-serif", color: colour("--text") },
    xaxis: axis(drawn.xaxis, box.dataset.x), yaxis: axis(drawn.yaxis, box.dataset.y),
  };
}

function draw(figures) {
  const options = { displayModeBar: false, responsive: true };
  for (const box of [histogram, scatter]) {
    if (!box.matches(".js-plotly-plot")) box.replaceChildren();
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", box.dataset.name);
  }
  document.querySelector("#scale").hidden = false;
  const [bars] = figures.histogram.data;
  Plotly.newPlot(histogram, [{ ...bars, marker: { color: colour("--accent") } }], layout(histogram, figures.histogram.layout), options);
  Plotly.newPlot(scatter, figures.scatter.data, layout(scatter, figures.scatter.layout), options);
  scatter.on("plotly_click", event => { location.href = `/console/profiles/${event.points[0].text}`; });
}

const answer = await fetch(histogram.dataset.points);
const figures = await answer.json();
if (figures.scatter.data[0].x.length && globalThis.Plotly) {
  draw(figures);
  dark.addEventListener("change", () => draw(figures));
}
