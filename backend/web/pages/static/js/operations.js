// The operations page: polls while it is visible, and reads values off the charts.
import { getText } from "./requests.js";

const LIVE_SECONDS = 5;
const SLOW_SECONDS = 30;
let rounds = 0;
let failed = failedNow();

const refresh = (id) => htmx.trigger(`#${id}`, "refresh");

function failedNow() {
  return document.querySelector("[data-failed]").dataset.failed;
}

setInterval(() => {
  if (document.hidden) return;
  rounds += 1;
  refresh("live");
  if (rounds % (SLOW_SECONDS / LIVE_SECONDS) !== 0) return;
  refresh("room");
  refreshCharts();
}, LIVE_SECONDS * 1000);

// Do not update the charts while a value is read or the table is open.
async function refreshCharts() {
  const charts = document.getElementById("charts");
  if (charts.querySelector("details[open]") || charts.matches(":hover, :focus-within")) return;
  const range = charts.querySelector("[aria-current]").dataset.range;
  const fragment = await getText(`/admin/operations/charts?${new URLSearchParams({ range })}`);
  if (fragment === null) return;
  charts.innerHTML = fragment;
  htmx.process(charts);
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "failures") {
    refresh("live");
    return;
  }
  if (event.target.id !== "live" || failedNow() === failed) return;
  failed = failedNow();
  refresh("failures");
});

// --- values of a chart ---

const rows = () => [...document.querySelectorAll("[data-samples] tbody tr")];

function placeOf(row) {
  const { start, seconds } = document.querySelector("[data-samples]").dataset;
  return (Number(row.dataset.at) * 1000 - Date.parse(start)) / (Number(seconds) * 1000);
}

function showValues(chart, row) {
  const cursor = chart.querySelector("[data-cursor]");
  cursor.toggleAttribute("hidden", !row);
  chart.querySelector("[data-moment]").textContent = row ? row.cells[0].textContent : "";
  for (const value of chart.querySelectorAll("[data-value]")) {
    value.textContent = row ? row.cells[Number(value.dataset.column)].textContent : "";
  }
  if (row) cursor.setAttribute("d", `M${(placeOf(row) * 1000).toFixed(1)} 0V100`);
  chart.shown = row;
}

document.addEventListener("pointermove", (event) => {
  const plot = event.target.closest?.("[data-plot]");
  for (const chart of document.querySelectorAll("[data-chart]")) {
    if (!plot || !chart.contains(plot)) {
      if (chart.shown && !chart.contains(document.activeElement)) showValues(chart, null);
      continue;
    }
    const box = plot.getBoundingClientRect();
    const at = (event.clientX - box.left) / box.width;
    const nearest = rows().reduce(
      (best, row) => (!best || Math.abs(placeOf(row) - at) < Math.abs(placeOf(best) - at) ? row : best),
      null,
    );
    showValues(chart, nearest);
  }
});

document.addEventListener("keydown", (event) => {
  const plot = event.target.closest?.("[data-plot]");
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const all = rows();
  if (!plot || !step || all.length === 0) return;
  event.preventDefault();
  const chart = plot.closest("[data-chart]");
  const current = chart.shown ? all.indexOf(chart.shown) : step > 0 ? -1 : all.length;
  showValues(chart, all[Math.min(Math.max(current + step, 0), all.length - 1)]);
});

document.addEventListener("focusout", (event) => {
  const chart = event.target.closest?.("[data-chart]");
  if (chart) showValues(chart, null);
});
