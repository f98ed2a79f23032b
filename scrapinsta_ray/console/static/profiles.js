// The two charts, once Plotly has come; until then, and without it, the server's own drawing stays.
const histogram = document.querySelector("#histogram");
const scatter = document.querySelector("#scatter");
const dark = matchMedia("(prefers-color-scheme: dark)");

function layout(box) {
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = title => ({ title: { text: title }, gridcolor: colour("--line"), zerolinecolor: colour("--line") });
  return {
    height: 300, margin: { l: 55, r: 10, t: 10, b: 45 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent",
    font: { family: "system-ui, sans-serif", color: colour("--text") }, bargap: 0.05,
    xaxis: axis(box.dataset.x), yaxis: axis(box.dataset.y),
  };
}

function draw(points) {
  const accent = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
  const options = { displayModeBar: false, responsive: true };
  const bins = { start: 0, end: 1.0001, size: 0.05 };
  for (const box of [histogram, scatter]) {
    if (!box.matches(".js-plotly-plot")) box.replaceChildren();
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", box.dataset.name);
  }
  document.querySelector("#scale").hidden = false;
  Plotly.newPlot(histogram, [{ type: "histogram", x: points.success, xbins: bins, marker: { color: accent } }], layout(histogram), options);
  const look = layout(scatter);
  look.xaxis.type = "log";
  look.xaxis.dtick = 1;
  look.yaxis.tickformat = ".1%";
  Plotly.newPlot(scatter, [{
    type: "scatter", mode: "markers", x: points.followers, y: points.engagement, text: points.username,
    marker: { color: points.success, colorscale: "Viridis", cmin: 0, cmax: 1, size: 8, line: { width: 1, color: "#777" } },
    hovertemplate: "%{text}<br>%{x}<br>%{y}<br>%{marker.color:.3f}<extra></extra>",
  }], look, options);
  scatter.on("plotly_click", event => { location.href = `/console/profiles/${event.points[0].text}`; });
}

const answer = await fetch(histogram.dataset.points);
const points = await answer.json();
if (points.username.length && globalThis.Plotly) {
  draw(points);
  dark.addEventListener("change", () => draw(points));
}
