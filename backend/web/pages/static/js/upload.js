// The upload page: adding pictures, their progress, and the results.
import { onKey } from "./shortcuts.js";
import { showToast } from "./toasts.js";
import { asCsv, asText, copy, countsOf, reasons, save, sentence } from "./upload-account.js";
import { Progress } from "./upload-progress.js";
import { mayTryAgain, Queue } from "./upload-queue.js";
import { Rows } from "./upload-rows.js";
import { addressesIn, looksLikeAddresses, Sources } from "./upload-sources.js";

const page = document.getElementById("upload");
const find = (selector) => page.querySelector(selector);
const advice = JSON.parse(page.dataset.advice);
const items = [];
const aside = [];
let told = 0;
let drawing = null;

const sources = new Sources(page.dataset.extensions.split(" "));
const rows = new Rows(find("[data-rows]"), document.getElementById("upload-row"), advice);
const progress = new Progress({ most: Number(page.dataset.mostWatched), onProgress: hear });
const queue = new Queue({
  mostBytes: Number(page.dataset.mostBytes),
  mostChecksums: Number(page.dataset.mostChecksums),
  onChange: changed,
  onAccepted: (item) => progress.watch(item),
});

function changed(item) {
  rows.change(item);
  drawing ??= setTimeout(draw, 100);
}

function hear(item, row) {
  const { href, group, thumbnail, code, detail, stage } = row;
  Object.assign(item, { href: stage === "gone" ? null : href, group, thumbnail, code, detail: detail ?? "" });
  if (item.state !== "duplicate") {
    item.state = stage === "gone" ? "failed" : stage;
    if (stage === "gone") Object.assign(item, { code: "not_found", detail: "It was deleted meanwhile." });
  }
  changed(item);
}

// --- adding ---

function wordsNow() {
  return Object.fromEntries(
    [...page.querySelectorAll("[data-words] [name]")].map((field) => [field.name, field.value.trim()]),
  );
}

function add(added) {
  if (added.length === 0) return;
  const words = wordsNow();
  for (const item of added) item.words = words;
  items.push(...added);
  find("[data-list]").hidden = find("[data-account]").hidden = false;
  page.classList.add("has-uploads");
  rows.add(added);
  queue.add(added);
}

function take({ files, aside: left }) {
  aside.push(...left);
  add(files.map(({ file, name }) => ({ file, name })));
  drawing ??= setTimeout(draw, 100);
}

async function takeTransfer(transfer) {
  let found = 0;
  for await (const taken of sources.ofTransfer(transfer)) {
    found += taken.files.length;
    take(taken);
  }
  if (found === 0) showToast("There is no picture among these.", { error: true });
}

function takeAddresses(text) {
  add(addressesIn(text).map((url) => ({ url, name: url })));
}

for (const selector of ["[data-files]", "[data-folder]"]) {
  find(selector).addEventListener("change", ({ target }) => {
    const taken = sources.ofInput(target);
    if (taken.files.length === 0) showToast("There is no picture in this folder.", { error: true });
    take(taken);
    target.value = "";
  });
}

find(".address-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = event.target.elements.addresses;
  takeAddresses(field.value);
  field.value = "";
  find("[data-addresses]").open = false;
});

const hasFiles = (transfer) => [...transfer.types].includes("Files");

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event.dataTransfer)) return;
  event.preventDefault();
  document.body.classList.add("is-dropping-uploads");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("is-dropping-uploads");
});
document.addEventListener("drop", (event) => {
  document.body.classList.remove("is-dropping-uploads");
  if (!hasFiles(event.dataTransfer)) return;
  event.preventDefault();
  takeTransfer(event.dataTransfer);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) {
    event.preventDefault();
    takeTransfer(event.clipboardData);
    return;
  }
  const text = event.clipboardData.getData("text");
  if (event.target.closest?.("input, textarea") || !looksLikeAddresses(text)) return;
  event.preventDefault();
  takeAddresses(text);
});

// --- results ---

function draw() {
  drawing = null;
  const counts = countsOf(items);
  for (const [name, count] of Object.entries(counts)) find(`[data-count="${name}"]`).textContent = count;
  const shown = find('[data-show][aria-pressed="true"]').dataset.show;
  find("[data-no-rows]").hidden = counts[shown] > 0;
  const again = items.filter(mayTryAgain).length;
  find("[data-again]").hidden = again === 0;
  find("[data-again] span").textContent = `Try again (${again})`;
  find("[data-stop]").hidden = !queue.isBusy;
  find("#account-title").textContent = sentence(counts);
  find("[data-bar]").setAttribute("width", items.length ? ((items.length - counts.way) / items.length) * 100 : 0);
  find("[data-reasons]").replaceChildren(...reasons(items, advice).map(reasonLine));
  find("[data-aside]").hidden = aside.length === 0;
  find("[data-aside]").textContent =
    `${aside.length} other file${aside.length === 1 ? "" : "s"} in the folders ${aside.length === 1 ? "is" : "are"} no picture by the name and ${aside.length === 1 ? "was" : "were"} left aside.`;
  find("[data-next]").hidden = counts.new === 0 || counts.way > 0;
  page.classList.toggle("is-done", counts.way === 0);
  if (counts.way === 0 && !queue.isBusy && items.length > told) {
    told = items.length;
    showToast(`Done: ${sentence(counts)}.`);
  }
}

function reasonLine({ code, count, advice: what, first }) {
  const line = document.createElement("li");
  const tag = document.createElement("code");
  tag.textContent = code;
  const number = document.createElement("b");
  number.className = "figures";
  number.textContent = count;
  line.append(number, tag, ` ${count === 1 ? first : ""} ${what}`);
  return line;
}

function tryAgain(again) {
  told = 0;
  queue.again(again);
}

page.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest(selector);
  const item = on(".upload")?.item;
  if (on("[data-row-again]")) tryAgain([item]);
  else if (on("[data-row-stop]")) queue.stop(item);
  else if (on("[data-again]")) tryAgain(items.filter(mayTryAgain));
  else if (on("[data-stop]")) queue.stop();
  else if (on("[data-show]")) showOnly(on("[data-show]"));
  else if (on("[data-copy]")) copy(asText(items, aside, advice)).then(() => showToast("The list is in the clipboard."));
  else if (on("[data-save]")) save(asCsv(items, aside, advice), "uploads.csv");
});

function showOnly(chip) {
  for (const other of page.querySelectorAll("[data-show]")) other.setAttribute("aria-pressed", String(other === chip));
  rows.show(chip.dataset.show);
  draw();
}

addEventListener("beforeunload", (event) => {
  if (queue.isBusy) event.preventDefault();
});

onKey((event) => {
  if (event.ctrlKey || event.metaKey) return false;
  const keys = {
    o: () => find("[data-files]").click(),
    f: () => find("[data-folder]").click(),
    a: () => open("[data-addresses]", "textarea"),
    w: () => open("[data-words]", "input"),
  };
  keys[event.key]?.();
  return event.key in keys;
});

function open(selector, field) {
  find(selector).open = true;
  find(`${selector} ${field}`).focus();
}
