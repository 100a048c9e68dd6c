// The page of a group: selection, actions and shortcuts.
import { Curation } from "./curation.js";
import { getJson, getText } from "./requests.js";
import { Selection } from "./selection.js";
import { onKey } from "./shortcuts.js";

const clusterId = Number(document.getElementById("cluster").dataset.cluster);
const bar = document.getElementById("action-bar");
const BUTTONS = [
  "[data-rename-start]",
  "[data-figures]",
  "[data-lock]",
  "[data-merge]",
  "[data-split]",
  "[data-history]",
];
let selection;

function showBar(ids) {
  bar.hidden = ids.size === 0;
  bar.querySelector("[data-count]").textContent = ids.size;
  bar.querySelector('[data-act="representative"]').disabled = ids.size !== 1;
}

// The last focus on the page: a member, by id and position, or a button. Both disappear when the page is updated.
let focused = null;

document.addEventListener("focusin", ({ target }) => {
  if (!target.closest("#cluster")) return;
  const shot = target.closest("[data-media]");
  const button = target.closest(".rename-form") ? "[data-rename-start]" : BUTTONS.find((one) => target.matches(one));
  focused = { button, media: shot?.dataset.media, place: [...document.querySelectorAll("[data-media]")].indexOf(shot) };
});

function restoreFocus() {
  // An element in a dialog that has just closed keeps the focus until the next frame.
  const isLost = document.activeElement === document.body || document.activeElement.closest("dialog:not([open])");
  if (!focused || !isLost || document.querySelector("dialog[open]")) return;
  const { button, media, place } = focused;
  const all = [...document.querySelectorAll("[data-media]")];
  const shot = all.find((one) => one.dataset.media === media) ?? (place < 0 ? null : (all[place] ?? all.at(-1)));
  (button ? document.querySelector(button) : shot?.querySelector("[data-item]"))?.focus({ preventScroll: true });
}

for (const dialog of document.querySelectorAll("dialog")) dialog.addEventListener("close", restoreFocus);

function install() {
  selection = new Selection(document.querySelector("[data-selectable]"), showBar);
  selection.show();
  showFigures(localStorage.getItem("figures") === "1");
}

async function refresh() {
  const shown = document.querySelectorAll("[data-media]").length;
  const text = await getText(`${location.pathname}?${new URLSearchParams({ shown })}`);
  if (text === null) return;
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("cluster");
  const current = document.getElementById("cluster");
  document.title = `${fresh.querySelector("h1").textContent.trim()} · mediacluster`;
  current.replaceWith(document.adoptNode(fresh));
  htmx.process(document.getElementById("cluster"));
  install();
  restoreFocus();
}

const curation = new Curation(clusterId, refresh);
const media = () => [...selection.ids];

const actions = {
  move: () =>
    curation.pick("Move to", (into) => curation.preview(curation.asked("move", { into, media_ids: media() }))),
  extract: () => curation.preview(curation.asked("extract", { media_ids: media() })),
  representative: () =>
    selection.ids.size === 1 && curation.perform(curation.asked("representative", { media_ids: media() })),
  confirm: () => curation.perform(curation.asked("confirm", { media_ids: media() })),
  clear: () => selection.clear(),
  all: selectAll,
};

async function selectAll() {
  const ids = await getJson(`/admin/clusters/${clusterId}/ids`);
  if (ids) selection.set(ids);
}

function merge() {
  curation.pick("Merge with", (into) => curation.preview(curation.asked("merge", { into })));
}

function lock() {
  curation.perform(curation.asked(document.querySelector("[data-lock]").dataset.lock));
}

function showFigures(shown) {
  document.querySelector("[data-selectable]").classList.toggle("shows-figures", shown);
  document.querySelector("[data-figures]").setAttribute("aria-pressed", String(shown));
}

function toggleFigures() {
  const shown = document.querySelector("[data-figures]").getAttribute("aria-pressed") !== "true";
  localStorage.setItem("figures", shown ? "1" : "0");
  showFigures(shown);
}

function editLabel(editing) {
  const box = document.querySelector("[data-rename]");
  box.querySelector("h1").hidden = editing;
  box.querySelector("[data-rename-start]").hidden = editing;
  box.querySelector("form").hidden = !editing;
  if (editing) box.querySelector("input").select();
  else box.querySelector("[data-rename-start]").focus();
}

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest(selector);
  if (on("[data-act]")) actions[on("[data-act]").dataset.act]();
  else if (on("[data-rename-start]")) editLabel(true);
  else if (on("[data-rename-cancel]")) editLabel(false);
  else if (on("[data-figures]")) toggleFigures();
  else if (on("[data-lock]")) lock();
  else if (on("[data-merge]")) merge();
  else if (on("[data-split]")) curation.proposeSplit();
  else if (on("[data-history]")) curation.showHistory();
});

document.addEventListener("submit", async (event) => {
  if (!event.target.matches(".rename-form")) return;
  event.preventDefault();
  const label = event.target.elements.label;
  if (label.value.trim() === label.defaultValue) editLabel(false);
  else await curation.perform(curation.asked("rename", { label: label.value }));
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.matches(".rename-form input")) editLabel(false);
});

const keys = { v: "move", n: "extract", r: "representative", c: "confirm" };

onKey((event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") return curation.undoLast();
  if (event.ctrlKey || event.metaKey) return false;
  if (event.key === "Escape") {
    const some = selection.ids.size > 0;
    selection.clear();
    return some;
  }
  if (event.key in keys) {
    if (selection.ids.size > 0) actions[keys[event.key]]();
    return selection.ids.size > 0;
  }
  const shot = event.target.closest?.("[data-media]");
  if (shot && (event.key.toLowerCase() === "x" || event.key === " ")) {
    selection.toggle(shot, event.shiftKey);
    return true;
  }
  const pageKeys = {
    a: selectAll,
    e: () => editLabel(true),
    l: lock,
    m: merge,
    s: toggleFigures,
    h: () => curation.showHistory(),
  };
  pageKeys[event.key]?.();
  return event.key in pageKeys;
});

install();
