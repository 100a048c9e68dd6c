// Operations on groups: choose another group, preview, apply, undo.
import { openDialog } from "./dialogs.js";
import { getText, post } from "./requests.js";
import { showToast } from "./toasts.js";
import { moveAmong } from "./walls.js";

const MESSAGE = "message-after-leaving";

export class Curation {
  // clusterId: of the page; onDone: updates the page.
  constructor(clusterId, onDone) {
    this.clusterId = clusterId;
    this.onDone = onDone;
    this.lastEvent = null;
    this.pending = null;
    this.installPicker();
    this.installPreview();
    this.installHistory();
    this.tellMessage();
  }

  asked(kind, more = {}) {
    return { kind, cluster_id: this.clusterId, ...more };
  }

  // Apply at once, for operations that remove nothing.
  async perform(asked) {
    const response = await post("/admin/curation/perform", asked);
    if (response) await this.finish(await response.json());
    return Boolean(response);
  }

  // Apply after a preview.
  async preview(asked) {
    const response = await post("/admin/curation/preview", asked);
    if (response) this.showPreview(asked, await response.text());
  }

  async proposeSplit() {
    const fragment = await getText(`/admin/clusters/${this.clusterId}/halves`);
    if (fragment) this.showPreview(this.asked("split"), fragment);
  }

  showPreview(asked, fragment) {
    this.pending = asked;
    document.querySelector("[data-preview]").innerHTML = fragment;
    openDialog("preview");
    document.querySelector("[data-preview-label], [data-perform]").focus();
  }

  installPreview() {
    const dialog = document.getElementById("preview");
    const run = async () => {
      const button = dialog.querySelector("[data-perform]");
      const label = dialog.querySelector("[data-preview-label]")?.value.trim() ?? "";
      const right = button.dataset.right?.split(" ");
      button.disabled = true;
      const done = await this.perform({ ...this.pending, ...(label && { label }), ...(right && { media_ids: right }) });
      button.disabled = false;
      if (done) dialog.close();
    };
    dialog.addEventListener("click", (event) => {
      if (event.target.closest("[data-perform]")) run();
    });
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("[data-preview-label]")) run();
    });
  }

  pick(title, onPicked) {
    document.getElementById("picker-title").textContent = title;
    const words = document.querySelector("[data-picker-words]");
    words.value = "";
    document.querySelector("[data-picker-list]").replaceChildren();
    this.onPicked = onPicked;
    this.listTargets();
    openDialog("picker");
    words.focus();
  }

  installPicker() {
    const dialog = document.getElementById("picker");
    let timer;
    dialog.querySelector("[data-picker-words]").addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.listTargets(), 200);
    });
    dialog.addEventListener("keydown", (event) => {
      const inField = event.target.matches("[data-picker-words]");
      if (!event.key.startsWith("Arrow") || (inField && event.key !== "ArrowDown")) return;
      if (moveAmong([...dialog.querySelectorAll("[data-target]")], event.key)) event.preventDefault();
    });
    dialog.addEventListener("click", (event) => {
      const target = event.target.closest("[data-target]");
      if (!target) return;
      dialog.close();
      this.onPicked(Number(target.dataset.target));
    });
  }

  async listTargets() {
    const words = document.querySelector("[data-picker-words]").value;
    const query = new URLSearchParams({ cluster_id: this.clusterId, q: words });
    const list = document.querySelector("[data-picker-list]");
    list.setAttribute("aria-busy", "true");
    const fragment = await getText(`/admin/curation/targets?${query}`);
    if (document.querySelector("[data-picker-words]").value !== words) return;
    list.removeAttribute("aria-busy");
    if (fragment !== null) list.innerHTML = fragment;
  }

  async showHistory(before) {
    const query = new URLSearchParams({ cluster_id: this.clusterId, ...(before && { before }) });
    const fragment = await getText(`/admin/curation/history?${query}`);
    if (fragment === null) return;
    const list = document.querySelector("[data-history-list]");
    if (before) list.querySelector("[data-history-more]").outerHTML = fragment;
    else list.innerHTML = fragment;
    openDialog("history");
  }

  installHistory() {
    const dialog = document.getElementById("history");
    dialog.addEventListener("click", async (event) => {
      const button = event.target.closest("[data-undo], [data-redo], [data-history-more]");
      if (!button) return;
      const { undo, redo, historyMore } = button.dataset;
      if (historyMore) return this.showHistory(historyMore);
      button.disabled = true;
      await this.restore(undo ? "undo" : "redo", undo ?? redo);
      if (dialog.open) this.showHistory();
    });
  }

  async restore(direction, eventId) {
    const query = new URLSearchParams({ cluster_id: this.clusterId });
    const response = await post(`/admin/curation/events/${eventId}/${direction}?${query}`);
    if (response) await this.finish(await response.json(), direction === "undo" ? "Redo" : "Undo");
  }

  undoLast() {
    if (this.lastEvent) this.restore("undo", this.lastEvent);
    return Boolean(this.lastEvent);
  }

  async finish(done, back = "Undo") {
    this.lastEvent = done.event_id;
    if (done.go) {
      sessionStorage.setItem(MESSAGE, JSON.stringify({ ...done, back }));
      location.assign(done.go);
      return;
    }
    await this.onDone();
    this.tell(done, back);
  }

  tell(done, back) {
    const actions = done.event_id ? [{ label: back, run: () => this.restore("undo", done.event_id) }] : [];
    showToast([done.summary, ...done.warnings].join(" "), { actions });
  }

  tellMessage() {
    const message = sessionStorage.getItem(MESSAGE);
    if (!message) return;
    sessionStorage.removeItem(MESSAGE);
    const done = JSON.parse(message);
    this.lastEvent = done.event_id;
    this.tell(done, done.back);
  }
}
