// The search page: pictures by drop, paste or choice. The address reflects the fields.
import { Judging } from "./judging.js";
import { showPicture } from "./pictures.js";
import { send } from "./requests.js";
import { onKey } from "./shortcuts.js";

const form = document.getElementById("search-form");
const file = form.querySelector("[data-file]");
const shown = form.querySelector("[data-dropped]");
const alpha = form.querySelector("[data-alpha]");
const hits = document.getElementById("hits");
let preview = null;

function take(picture) {
  const files = new DataTransfer();
  files.items.add(picture);
  file.files = files.files;
  file.dispatchEvent(new Event("change", { bubbles: true }));
}

function showChosen() {
  if (preview) URL.revokeObjectURL(preview);
  preview = file.files[0] ? URL.createObjectURL(file.files[0]) : null;
  shown.hidden = !preview;
  if (preview) showPicture(shown.querySelector("img"), preview);
  else shown.querySelector("img").removeAttribute("src");
}

function clear() {
  file.value = "";
  file.dispatchEvent(new Event("change", { bubbles: true }));
}

// A picture cannot be part of the address, and what is so anyway need not be.
const usual = { alpha: alpha.dataset.alpha, order_by: "relevance" };
function followAddress() {
  const fields = [...new FormData(form)].filter(
    ([name, value]) => typeof value === "string" && value && name !== "cursor",
  );
  const query = new URLSearchParams(fields.filter(([name, value]) => value !== usual[name]));
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

file.addEventListener("change", showChosen);
alpha.addEventListener("input", () => {
  form.querySelector("[data-alpha-value]").textContent = Number(alpha.value).toFixed(2);
});
form.addEventListener("htmx:beforeRequest", followAddress);
// A next page belongs to the previous query, so its cursor would be refused.
for (const kind of ["input", "change"])
  form.addEventListener(kind, () => document.querySelector("#hits .sentinel")?.remove());
// Leaving a field changes nothing, and reloading the hits would take the focus away.
form.querySelector("#q").addEventListener("change", (event) => event.stopPropagation());
form.querySelector("[data-drop-clear]").addEventListener("click", clear);

const pictureIn = (transfer) => [...(transfer?.files ?? [])].find((one) => one.type.startsWith("image/"));

document.addEventListener("dragover", (event) => {
  if (![...event.dataTransfer.types].includes("Files")) return;
  event.preventDefault();
  document.body.classList.add("is-dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("is-dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("is-dropping");
  const picture = pictureIn(event.dataTransfer);
  if (picture) take(picture);
});
document.addEventListener("paste", (event) => {
  const picture = pictureIn(event.clipboardData);
  if (picture) take(picture);
});
onKey((event) => {
  if (event.key !== "Escape" || !file.files.length) return false;
  clear();
  return true;
});

// Evaluations repeat judged queries: text, or the picture, which the server stores when its first hit is judged.
const kept = new Set();

function asked() {
  const words = form.querySelector("#q").value.trim();
  if (words.length > 500) return null;
  if (!file.files.length) return words ? { query_kind: "words", query: words } : null;
  const picture = hits.querySelector("[data-picture]")?.dataset.picture;
  return picture ? { query_kind: "picture", query: words ? `${picture} ${words}` : picture } : null;
}

async function keepPicture({ query_kind, query }) {
  const picture = query.slice(0, 64);
  if (query_kind !== "picture" || kept.has(picture)) return true;
  const body = new FormData();
  body.append("file", file.files[0]);
  const answer = await send(`${hits.dataset.judgements}/picture`, body);
  // Another picture was dropped meanwhile.
  if (!answer || (await answer.json()).sha256 !== picture) return false;
  kept.add(picture);
  return true;
}

const judging = new Judging(hits, hits.dataset.judgements, asked, keepPicture);
// Leaving the field reloads the hits. Keep the focus of a user who has moved on to one of them.
let focused = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target === hits)
    focused = document.activeElement.closest("#hits [data-media]")?.dataset.media ?? null;
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (focused && document.activeElement === document.body) {
    hits.querySelector(`[data-media="${focused}"] [data-item]`)?.focus({ preventScroll: true });
  }
  focused = null;
  if (hits.contains(event.detail.target) || event.detail.target === hits || event.detail.elt?.closest?.("#hits"))
    judging.read();
});
