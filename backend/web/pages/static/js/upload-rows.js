// The list of uploads. Only rows near the window are in the document, so that thousands cost no more than a few.
import { mayTryAgain, outcomeOf } from "./upload-queue.js";

const OVERSCAN = 8;
const LARGEST_PREVIEW_BYTES = 6_000_000;
const STEPS = { sending: 0, fetching: 0, stored: 2, embedded: 3, grouped: 4, duplicate: 4 };
const WORDS = {
  waiting: "Waiting",
  checking: "Looking whether it is here already",
  fetching: "Being fetched",
  stored: "Stored",
  embedded: "Embedded, looking for its group",
};

export class Rows {
  constructor(list, template, advice) {
    Object.assign(this, { list, template, advice });
    this.items = [];
    this.shown = [];
    this.rows = new Map();
    this.filter = "all";
    addEventListener("scroll", () => this.schedule(), { passive: true });
    addEventListener("resize", () => this.schedule());
  }

  add(items) {
    this.items.push(...items);
    this.refilter();
  }

  show(filter) {
    this.filter = filter;
    this.refilter();
  }

  change(item) {
    item.dirty = true;
    if (this.filter !== "all") this.filtered = false;
    this.schedule();
  }

  refilter() {
    this.filtered = false;
    this.schedule();
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    if (!this.filtered) {
      this.shown = this.items.filter((item) => this.filter === "all" || outcomeOf(item) === this.filter);
      this.filtered = true;
      this.places = new Map(this.shown.map((item, place) => [item, place]));
    }
    const height = parseFloat(getComputedStyle(this.list).getPropertyValue("--row"));
    this.list.style.height = `${this.shown.length * height}px`;
    const top = -this.list.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / height) - OVERSCAN);
    const last = Math.ceil((top + innerHeight) / height) + OVERSCAN;
    const wanted = new Set(this.shown.slice(first, last));
    for (const [item, row] of this.rows) {
      // Keep the focused row, so that keyboard navigation continues from there.
      if (wanted.has(item) || (row.contains(document.activeElement) && this.places.has(item))) continue;
      row.remove();
      this.dropPreview(row);
      this.rows.delete(item);
    }
    for (const item of wanted) if (!this.rows.has(item)) this.insert(item);
    for (const [item, row] of this.rows) this.place(item, row, height);
  }

  insert(item) {
    const row = this.template.content.firstElementChild.cloneNode(true);
    row.item = item;
    const place = this.places.get(item);
    const next = [...this.list.children].find((other) => this.places.get(other.item) > place);
    this.list.insertBefore(row, next ?? null);
    this.rows.set(item, row);
    item.dirty = true;
  }

  place(item, row, height) {
    const place = this.places.get(item);
    row.style.transform = `translateY(${place * height}px)`;
    row.setAttribute("aria-posinset", place + 1);
    row.setAttribute("aria-setsize", this.shown.length);
    if (!item.dirty) return;
    item.dirty = false;
    this.write(item, row);
  }

  write(item, row) {
    row.dataset.state = item.state;
    row.dataset.step = STEPS[item.state] ?? "";
    const name = row.querySelector(".upload-name");
    name.textContent = item.name;
    name.title = item.name;
    if (item.href) name.href = item.href;
    const note = row.querySelector(".upload-note");
    note.replaceChildren(...this.note(item), ...warningsOn(item).map((one) => made("span", ` · ${one.detail}`)));
    note.title = warningsOn(item)
      .map((one) => one.detail)
      .join(" ");
    this.writeButton(row, "again", mayTryAgain(item), `Try again: ${item.name}`);
    this.writeButton(row, "stop", ["waiting", "checking", "sending"].includes(item.state), `Stop: ${item.name}`);
    this.writePicture(item, row);
  }

  writeButton(row, kind, shown, label) {
    const button = row.querySelector(`[data-row-${kind}]`);
    button.hidden = !shown;
    button.setAttribute("aria-label", label);
  }

  note(item) {
    if (item.state === "sending") return [`Sending${item.sent ? ` ${Math.round(item.sent * 100)} %` : ""}`];
    if (item.state === "waiting" && item.tries > 0) return [`${item.detail} Trying again soon.`];
    if (item.state === "failed" || item.state === "stopped")
      return [`${reasonOf(item)} ${adviceOn(item, this.advice)} `, made("code", item.code)];
    if (item.state === "grouped") return [item.group?.founded ? "Began a new group: " : "Joined ", ...groupOf(item)];
    if (item.state === "duplicate")
      return item.code
        ? ["Here already, but it failed: ", made("code", item.code)]
        : ["Here already", ...(item.group ? [", in ", ...groupOf(item)] : [])];
    return [WORDS[item.state]];
  }

  writePicture(item, row) {
    const place = row.querySelector(".upload-picture");
    const source = item.thumbnail ?? (isPreviewable(item.file) ? "file" : "");
    if (place.dataset.source === source) return;
    place.dataset.source = source;
    const old = place.querySelector("img");
    if (!source) return;
    const image = document.createElement("img");
    image.alt = "";
    image.decoding = "async";
    image.src = item.thumbnail ?? (row.preview = URL.createObjectURL(item.file));
    // A file that is not a picture keeps its row.
    image.addEventListener("error", () => image.remove());
    image.addEventListener("load", () => {
      old?.remove();
      if (item.thumbnail) this.dropPreview(row);
    });
    place.append(image);
  }

  dropPreview(row) {
    if (row.preview) URL.revokeObjectURL(row.preview);
    row.preview = null;
  }
}

export const reasonOf = (item) => item.detail || "It failed.";
// What is not right with a file that was accepted.
export const warningsOn = (item) => (outcomeOf(item) === "failed" ? [] : item.warnings);
export const adviceOn = (item, advice) => item.hint || advice[item.code] || "";

function groupOf({ group }) {
  if (!group) return ["a group"];
  const link = made("a", group.label);
  link.href = group.href;
  return group.founded ? [link] : [link, made("span", ` ${group.similarity.toFixed(3)}`, "figures quiet")];
}

function made(tag, text, className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

const isPreviewable = (file) =>
  file && file.size < LARGEST_PREVIEW_BYTES && /^image\/(jpeg|png|webp|gif|avif)$/.test(file.type);
