// The review page: one item at a time. The next ones are in the page already, so they appear at once after a decision.
// Decisions are sent in the background, one at a time.
import { Curation } from "./curation.js";
import { openDialog } from "./dialogs.js";
import { getJson, getText, post } from "./requests.js";
import { onKey } from "./shortcuts.js";
import { showToast } from "./toasts.js";

const AHEAD = 3;
const COUNTS_SECONDS = 2;
const HISTORY = "review-history";
const LONGEST_HISTORY = 100;

const kind = document.getElementById("review").dataset.kind;
const stage = document.getElementById("stage");
const done = document.getElementById("done");
const ofVersions = kind === "near_duplicate";
const curation = new Curation(0, () => {});

let cursor = stage.querySelector("[data-cursor]").dataset.cursor;
let fetching = null;
let sending = Promise.resolve();
let countsTimer;
const waiting = [...stage.querySelectorAll("[data-item]")];
const skipped = [];
const seen = new Set(waiting.map((item) => item.dataset.item));
// Undoable decisions, latest last. Kept across pages, because each queue is a page.
const history = JSON.parse(sessionStorage.getItem(HISTORY) ?? "[]");
const decided = new Map();

// On a phone, the tabs are wider than the screen.
document.querySelector("[data-queue][aria-current]").scrollIntoView({ block: "nearest", inline: "center" });

const current = () => waiting[0];

function show() {
  for (const item of stage.querySelectorAll("[data-item]")) item.hidden = item !== current();
  const empty = !current() && !cursor && !fetching;
  done.hidden = !empty;
  document.querySelector(".decide-bar").hidden = empty && history.length === 0;
  for (const button of document.querySelectorAll("[data-decide]")) button.disabled = !allows(button.dataset.decide);
  if (empty) showDone();
  const question = current()?.querySelector("h2").textContent.trim();
  document.getElementById("announcement").textContent = question ?? (empty ? "Nothing left here" : "");
  ahead();
}

function allows(decision) {
  if (decision === "undo") return history.length > 0;
  if (!current()) return false;
  return decision !== "runner-up" || Boolean(current().dataset.runnerUp);
}

function showDone() {
  const others = [...document.querySelectorAll("[data-queue]")].filter(
    (tab) => tab.dataset.queue !== kind && count(tab) > 0,
  );
  const again = done.querySelector("[data-skipped]");
  again.hidden = skipped.length === 0;
  const next = done.querySelector("[data-next-queue]");
  if (others.length === 0) return;
  next.href = others[0].href;
  next.textContent = `Go on with ${others[0].querySelector("span").textContent}`;
}

const count = (tab) => Number(tab.dataset.value ?? tab.querySelector("[data-count]").textContent.replace(/\D/g, ""));

function setCount(queue, value) {
  const tab = document.querySelector(`[data-queue="${queue}"]`);
  tab.dataset.value = Math.max(0, value);
  tab.querySelector("[data-count]").textContent = Math.max(0, value).toLocaleString("en").replaceAll(",", "\u202f");
  tab.classList.toggle("is-empty", value <= 0);
}

const changeCount = (queue, by) => setCount(queue, count(document.querySelector(`[data-queue="${queue}"]`)) + by);

// Fetch more items before they are needed.
async function ahead() {
  if (fetching || !cursor || waiting.length >= AHEAD) return;
  fetching = getText(`/admin/review/items?${new URLSearchParams({ kind, cursor })}`);
  const fragment = await fetching;
  fetching = null;
  if (fragment === null) {
    // Do not retry at once; the next decision does.
    return;
  }
  const fresh = new DOMParser().parseFromString(fragment, "text/html");
  cursor = fresh.querySelector("[data-cursor]").dataset.cursor;
  for (const item of fresh.querySelectorAll("[data-item]")) {
    if (seen.has(item.dataset.item)) continue;
    seen.add(item.dataset.item);
    item.hidden = true;
    waiting.push(stage.appendChild(document.adoptNode(item)));
  }
  show();
}

function decide(decision) {
  const item = current();
  if (decision === "undo") return undo();
  if (!item || !allows(decision)) return;
  if (decision === "skip") {
    skipped.push(waiting.shift());
    show();
  } else if (decision === "correct") {
    curation.clusterId = Number(item.dataset.cluster);
    curation.pick("Put it into", (into) => item === current() && send(item, { decision: "correct", cluster_id: into }));
  } else if (decision === "runner-up") {
    send(item, { decision: "correct", cluster_id: Number(item.dataset.runnerUp) });
  } else {
    send(item, ofVersions ? versions(item, decision) : { decision });
  }
}

function versions(item, decision) {
  const keep = item.querySelector("input:checked").value;
  const all = [item.dataset.keep, ...item.dataset.others.split(" ")];
  return {
    decision: decision === "accept" ? "keep_best" : "keep_all",
    keep_media_id: keep,
    media_ids: all.filter((id) => id !== keep),
  };
}

function send(item, said) {
  const body = ofVersions ? said : { item: item.dataset.item, ...said };
  const entry = { kind, name: item.dataset.item, body };
  waiting.shift();
  decided.set(entry.name, item);
  remember(entry);
  changeCount(kind, -1);
  show();
  sending = sending.then(() => carryOut(entry));
}

async function carryOut(entry) {
  let status;
  const url = ofVersions ? "/admin/review/near-duplicates" : "/admin/review/decisions";
  const response = await post(url, entry.body, { keepalive: true, onFailure: (failed) => (status = failed) });
  if (!response) {
    forget(entry);
    // Skip an item that is deleted or outdated. After an outage, ask again.
    const again = status === 0 || status >= 500;
    if (again) putBack(entry);
    show();
    return;
  }
  const reviewed = await response.json();
  drop(reviewed.gone);
  showToast(reviewed.summary, { actions: [{ label: "Undo", run: undo }] });
  countSoon();
}

// Skip items about groups that no longer exist.
function drop(gone) {
  const ids = new Set(gone.map(String));
  for (const list of [waiting, skipped]) {
    for (let place = list.length - 1; place >= 0; place -= 1) {
      const groups = (list[place].dataset.groups ?? "").split(" ");
      if (!groups.some((id) => ids.has(id))) continue;
      list[place].remove();
      list.splice(place, 1);
    }
  }
  show();
}

function putBack(entry) {
  const item = decided.get(entry.name);
  if (item) waiting.unshift(item);
  changeCount(entry.kind, 1);
}

function undo() {
  const entry = history.at(-1);
  if (!entry) return;
  forget(entry);
  const back = entry.kind === kind && decided.has(entry.name);
  if (back) putBack(entry);
  show();
  sending = sending.then(() => takeBack(entry, back));
}

async function takeBack(entry, back) {
  const ofPair = entry.kind === "near_duplicate";
  const url = ofPair ? "/admin/review/near-duplicates/take-back" : "/admin/review/decisions/take-back";
  const response = await post(url, ofPair ? entry.body : { item: entry.name }, { keepalive: true });
  if (response) {
    if (!back) changeCount(entry.kind, 1);
    const tab = document.querySelector(`[data-queue="${entry.kind}"] span`).textContent;
    showToast(back ? "Undone" : `Undone. It is in ${tab} again.`);
  } else if (back) {
    const place = waiting.indexOf(decided.get(entry.name));
    if (place >= 0) waiting.splice(place, 1);
    changeCount(entry.kind, -1);
    show();
  }
  countSoon();
}

function remember(entry) {
  history.push(entry);
  if (history.length > LONGEST_HISTORY) history.shift();
  sessionStorage.setItem(HISTORY, JSON.stringify(history));
}

function forget(entry) {
  const place = history.indexOf(entry);
  if (place >= 0) history.splice(place, 1);
  sessionStorage.setItem(HISTORY, JSON.stringify(history));
}

// Show the server's counts once no request is pending.
function countSoon() {
  clearTimeout(countsTimer);
  countsTimer = setTimeout(async () => {
    const before = sending;
    await sending;
    const counts = await getJson("/admin/review/counts");
    if (!counts || before !== sending) return;
    const { marked, ...queues } = counts;
    for (const [queue, value] of Object.entries(queues)) setCount(queue, value);
    showMarked(marked);
    if (!done.hidden) showDone();
  }, COUNTS_SECONDS * 1000);
  if (ofVersions) sending.then(async () => showMarked((await getJson("/admin/review/counts"))?.marked ?? 0));
}

function showMarked(marked) {
  document.querySelector("[data-marked-count]").textContent = marked;
  document.querySelector("[data-marked]").hidden = marked === 0;
}

async function askAboutMarked() {
  const fragment = await getText("/admin/review/marked");
  if (fragment === null) return;
  document.querySelector("[data-marked-list]").innerHTML = fragment;
  openDialog("marked");
}

async function deleteMarked(button) {
  button.disabled = true;
  const response = await post("/admin/review/marked/delete", { until: button.dataset.until });
  button.disabled = false;
  if (!response) return;
  button.closest("dialog").close();
  const reviewed = await response.json();
  // The marks of these pictures can no longer be undone.
  for (const entry of history.filter((one) => one.body.decision === "keep_best")) forget(entry);
  showMarked((await getJson("/admin/review/counts"))?.marked ?? 0); // others may have marked more meanwhile
  show();
  showToast(reviewed.summary);
}

function lookAtSkipped() {
  waiting.push(...skipped.splice(0));
  show();
}

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest(selector);
  if (on("[data-decide]")) decide(on("[data-decide]").dataset.decide);
  else if (on("[data-skipped]")) lookAtSkipped();
  else if (on("[data-marked]")) askAboutMarked();
  else if (on("[data-delete-marked]")) deleteMarked(on("[data-delete-marked]"));
});

const keys = { a: "accept", r: "runner-up", c: "correct", d: "dismiss", s: "skip", z: "undo" };

onKey((event) => {
  if (event.ctrlKey || event.metaKey) {
    if (event.key !== "z") return false;
    undo();
    return true;
  }
  if (event.key in keys) {
    const button = document.querySelector(`[data-decide="${keys[event.key]}"]`);
    if (button && !event.repeat) decide(keys[event.key]);
    return Boolean(button);
  }
  const tab = document.querySelectorAll("[data-queue]")[Number(event.key) - 1];
  if (tab) tab.click();
  return Boolean(tab) || (ofVersions && chooseVersion(event.key));
});

function chooseVersion(key) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
  const versionsShown = [...(current()?.querySelectorAll("input[type=radio]") ?? [])];
  if (!step || versionsShown.length === 0) return false;
  const next = versionsShown.findIndex((one) => one.checked) + step;
  const chosen = versionsShown[(next + versionsShown.length) % versionsShown.length];
  chosen.checked = true;
  chosen.closest("label").scrollIntoView({ block: "nearest" });
  return true;
}

for (const tab of document.querySelectorAll("[data-queue]")) tab.classList.toggle("is-empty", count(tab) === 0);
show();
