// Alerts over time as stacked bars: values at the pointer, zoom by dragging (reset by double click), export.
const place = document.querySelector("[data-chart]");
const data = JSON.parse(document.getElementById("chart-data").textContent);
const COLOURS = ["#3ad3c0", "#79b8ff", "#f2b544", "#ff7b72", "#c792ea", "#9ccc65", "#ff9e80", "#90a4ae", "#f48fb1", "#ffd54f", "#80cbc4", "#b39ddb", "#bcaaa4"];
const HEIGHT_PX = 280;
let plot = null;

// Series are stacked and drawn from the top down, so that each shows only its own part.
function stacked() {
  let below = data.starts.map(() => 0);
  return data.series.map((one) => {
    below = one.counts.map((count, index) => count + below[index]);
    return below;
  });
}

function draw() {
  plot?.destroy();
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  // As in time.js: the page's language in the viewer's regional form.
  const language = navigator.languages.find((tag) => tag.startsWith(document.documentElement.lang)) ?? document.documentElement.lang;
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
  const hour = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
  const label = (at, step) => (step >= 86400 || new Date(at * 1000).getHours() === 0 ? day : hour).format(at * 1000);
  const times = (_, splits, __, ___, step) => splits.map((at) => label(at, step));
  const axis = { stroke: colour("--text-faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: `12px ${colour("--face")}` };
  const bars = window.uPlot.paths.bars({ size: [0.8, 40], align: 1 });
  const order = data.series.map((one, index) => ({ ...one, index })).reverse();
  const sums = stacked();
  const end = 2 * data.starts.at(-1) - data.starts.at(-2);
  const moment = new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  plot = new window.uPlot({
    width: place.clientWidth,
    height: HEIGHT_PX,
    // A bar is to the right of its start time: show the values of the bar under the pointer.
    cursor: { points: { show: false }, drag: { x: true, y: false }, dataIdx: (_, __, nearest, at) => Math.min(data.starts.length - 1, Math.max(0, at < data.starts[nearest] || nearest === data.starts.length ? nearest - 1 : nearest)) },
    legend: { live: true },
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.05)] } },
    axes: [{ ...axis, values: times, space: 70 }, { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] }],
    series: [
      { label: place.dataset.textTime, value: (_, at) => (at === null ? "–" : moment.format(at * 1000)) },
      ...order.map((one) => ({
        label: one.name,
        fill: COLOURS[one.index % COLOURS.length],
        width: 0,
        paths: bars,
        points: { show: false },
        value: (_, __, ___, at) => (at === null ? "–" : String(one.counts[at])),
      })),
    ],
  }, [[...data.starts, end], ...order.map((one) => [...sums[one.index], null])], place); // room for the last bar
}

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const exporters = {
  png: () => plot?.ctx.canvas.toBlob((blob) => save(blob, "alerts.png")),
  csv: () => {
    const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;
    const head = ["time", ...data.series.map((one) => one.name)].map(quoted).join(",");
    const lines = data.starts.map((start, index) => [new Date(start * 1000).toISOString(), ...data.series.map((one) => one.counts[index])].join(","));
    save(new Blob([[head, ...lines, ""].join("\r\n")], { type: "text/csv" }), "alerts.csv");
  },
};

document.addEventListener("click", (event) => exporters[event.target.closest("[data-export]")?.dataset.export]?.());
document.querySelector("[data-filters]").addEventListener("change", (event) => event.currentTarget.requestSubmit());
if (place) {
  draw();
  document.addEventListener("vigil:theme", draw);
  new ResizeObserver(() => { if (plot && plot.width !== place.clientWidth) plot.setSize({ width: place.clientWidth, height: HEIGHT_PX }); }).observe(place);
}
