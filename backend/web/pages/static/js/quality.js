// Previews other thresholds while the slider moves, and applies one.
import { openDialog } from "./dialogs.js";
import { post } from "./requests.js";
import { showToast } from "./toasts.js";

const LOW = -1;
const count = (value) => value.toLocaleString("en").replaceAll(",", "\u202f");
const percent = (share) => `${(share * 100).toFixed(share > 0 && share < 0.01 ? 1 : 0)} %`;
let keptThreshold = null;

class WhatIf {
  constructor(section) {
    this.section = section;
    this.slider = section.querySelector("[data-threshold]");
    if (!this.slider) return;
    const { reports, present, axis, curveAxis, same, background } = section.dataset;
    this.reports = JSON.parse(reports);
    this.present = this.reports[Number(present)];
    this.low = Number(axis);
    this.curveLow = Number(curveAxis);
    this.same = JSON.parse(same);
    this.background = JSON.parse(background);
    this.slider.addEventListener("input", () => this.show());
    section.querySelector("[data-apply]").addEventListener("click", () => this.preview());
    // The figures were measured again meanwhile: keep the position of the slider.
    const kept = this.reports.findIndex((one) => one.threshold === keptThreshold);
    if (kept >= 0) this.slider.value = kept;
    this.show();
  }

  get chosen() {
    return this.reports[Number(this.slider.value)];
  }

  show() {
    const { chosen, present } = this;
    keptThreshold = chosen === present ? null : chosen.threshold;
    const shown = chosen.threshold.toFixed(2);
    this.slider.setAttribute("aria-valuetext", shown);
    this.write("threshold", shown);
    for (const [key, of] of [
      ["clusters", (one) => one.clusters],
      ["alone", (one) => one.sizes[0].clusters],
      ["largest", (one) => one.largest],
      ["moved", (one) => one.moved],
    ]) {
      this.write(key, count(of(chosen)));
      const change = key === "moved" ? 0 : of(chosen) - of(present);
      this.section.querySelector(`[data-change="${key}"]`).textContent =
        change === 0 ? "" : `${change > 0 ? "+" : "−"}${count(Math.abs(change))}`;
    }
    if (this.same.length) {
      this.write("below", percent(1 - shareFrom(this.same, chosen.threshold)));
      this.write("above", percent(shareFrom(this.background, chosen.threshold)));
    }
    this.mark("[data-mark]", this.low);
    // The curves belong to another panel.
    this.mark("[data-curve-mark]", this.curveLow);
    this.section.querySelector("[data-apply]").disabled = chosen === present;
  }

  write(key, text) {
    this.section.querySelector(`[data-out="${key}"]`).textContent = text;
  }

  mark(selector, low) {
    const line = document.querySelector(selector);
    const place = `${Math.min(Math.max(((this.chosen.threshold - low) / (1 - low)) * 100, 0), 100)}%`;
    line?.setAttribute("x1", place);
    line?.setAttribute("x2", place);
  }

  async preview() {
    const button = this.section.querySelector("[data-apply]");
    if (button.getAttribute("aria-busy")) return;
    // Not disabled, because it would lose the focus, which the dialog returns to it.
    button.setAttribute("aria-busy", "true");
    const response = await post("/admin/quality/threshold/preview", { threshold: this.chosen.threshold });
    button.removeAttribute("aria-busy");
    if (!response) return;
    document.querySelector("[data-preview]").innerHTML = await response.text();
    openDialog("preview");
  }
}

// Share of pairs at a similarity or above. Bins have equal width from LOW to 1, which is in the last one.
function shareFrom(counts, similarity) {
  const first = Math.min(Math.floor(((similarity - LOW) / (1 - LOW)) * counts.length + 1e-9), counts.length - 1);
  const sum = (part) => part.reduce((total, one) => total + one, 0);
  return sum(counts.slice(first)) / Math.max(sum(counts), 1);
}

function refresh() {
  return htmx.ajax("GET", "/admin/quality/figures", { target: "#figures", swap: "outerHTML" });
}

async function finish(response, back) {
  if (!response) return false;
  const done = await response.json();
  keptThreshold = null;
  await refresh();
  const undo = async () => finish(await post(`/admin/quality/events/${done.event_id}/undo`), null);
  showToast([done.summary, ...done.warnings].join(" "), {
    actions: done.event_id && back ? [{ label: back, run: undo }] : [],
  });
  return true;
}

document.getElementById("preview").addEventListener("click", async (event) => {
  const button = event.target.closest("[data-perform]");
  if (!button) return;
  button.disabled = true;
  const done = await finish(
    await post("/admin/quality/threshold/apply", { threshold: Number(button.dataset.chosen) }),
    "Undo",
  );
  button.disabled = false;
  if (done) document.getElementById("preview").close();
});

function install() {
  const section = document.getElementById("what-if");
  if (section) new WhatIf(section);
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "figures") install();
});
install();
