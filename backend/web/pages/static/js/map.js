// The map page: move over it, point at pictures, open them, select groups.
import { fetchMap } from "./map-data.js";
import { colourOf, PointCanvas } from "./map-points.js";
import { showPicture } from "./pictures.js";
import { getJson } from "./requests.js";

const REACH = 14;
const CLICK = 5;
const LISTED = 300;
const MOST_ZOOM = 200;
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () =>
  document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : systemIsDark.matches;

class LibraryMap {
  constructor(root) {
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.card = root.querySelector("[data-map-card]");
    this.panel = root.querySelector("[data-map-groups]");
    this.list = root.querySelector("[data-map-list]");
    this.message = root.querySelector("[data-map-message]");
    this.view = { x: 0, y: 0, zoom: 1 };
    this.chosen = -1;
    this.at = -1;
    this.pointers = new Map();
    this.known = new Map();
    try {
      this.drawn = new PointCanvas(this.canvas);
    } catch {
      this.say(
        "This browser draws without WebGL, which the map needs. Switch hardware acceleration on, or open it in another browser.",
      );
      this.canvas.remove();
      root.querySelector(".map-tools").remove();
      return;
    }
    this.drawn.onRestored = () => this.redraw();
    this.installMoving();
    this.installPointing();
    this.installKeys();
    this.installGroups();
    new ResizeObserver(() => this.resize()).observe(root);
    new MutationObserver(() => this.recolour()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    systemIsDark.addEventListener("change", () => this.recolour());
    document.addEventListener("htmx:afterSettle", (event) => event.target.id === "map-state" && this.load());
    this.load();
  }

  // Shows the map or a message. A new map replaces the old one.
  async load() {
    const state = document.getElementById("map-state");
    const { drawn } = state.dataset;
    if (!drawn) return this.say(state.hasAttribute("aria-busy") ? "The map appears here as soon as it is drawn." : "");
    if (drawn === this.shown) return undefined;
    this.shown = drawn;
    if (!this.map) this.say("The points are on their way.");
    try {
      this.map = await fetchMap(this.root.dataset.points);
    } catch {
      return this.say("The map could not be read. Reload the page to try again.");
    }
    this.known.clear();
    this.drawn.load(this.map.points, this.map.groupOf);
    this.say("");
    this.panel.hidden = false;
    this.fit();
    const asked = Number(new URLSearchParams(location.search).get("group"));
    if (asked) this.choose(this.map.groups.findIndex((group) => group.id === asked));
    else this.listGroups();
    this.root.dataset.ready = this.map.numbers.length;
    return undefined;
  }

  say(words) {
    this.message.textContent = words;
    this.message.hidden = !words;
  }

  get size() {
    return Math.min(
      Math.min(Math.max(150 / Math.sqrt(this.map.numbers.length), 2.4), 9) * (this.view.zoom / this.least) ** 0.4,
      20,
    );
  }

  get least() {
    return (Math.min(this.canvas.clientWidth, this.canvas.clientHeight) / 2) * 0.92;
  }

  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (!this.map) return;
      this.drawn.draw(this.view, { size: this.size, chosen: this.chosen, dark: isDark() });
      this.placeCard();
    });
  }

  recolour() {
    this.listGroups();
    this.redraw();
  }

  resize() {
    if (this.isWhole) this.fit();
    else this.redraw();
  }

  fit() {
    // Beside the list of groups, if that covers the full height of the map.
    const covered =
      this.panel.hidden || this.panel.clientWidth > this.canvas.clientWidth / 3
        ? 0
        : this.panel.offsetLeft + this.panel.offsetWidth;
    this.view = { x: -covered / 2 / this.least, y: 0, zoom: this.least };
    this.isWhole = true;
    this.redraw();
  }

  toScreen(point) {
    const { points } = this.map;
    return [
      this.canvas.clientWidth / 2 + (points[2 * point] - this.view.x) * this.view.zoom,
      this.canvas.clientHeight / 2 - (points[2 * point + 1] - this.view.y) * this.view.zoom,
    ];
  }

  toMap(x, y) {
    return [
      this.view.x + (x - this.canvas.clientWidth / 2) / this.view.zoom,
      this.view.y - (y - this.canvas.clientHeight / 2) / this.view.zoom,
    ];
  }

  move(right, down) {
    this.view.x = Math.min(Math.max(this.view.x - right / this.view.zoom, -1.2), 1.2);
    this.view.y = Math.min(Math.max(this.view.y + down / this.view.zoom, -1.2), 1.2);
    this.changed();
  }

  // Zoom around a position on the screen, which stays in place.
  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const [left, up] = this.toMap(x, y);
    this.view.zoom = Math.min(Math.max(this.view.zoom * factor, this.least * 0.6), this.least * MOST_ZOOM);
    const [nowLeft, nowUp] = this.toMap(x, y);
    this.view.x += left - nowLeft;
    this.view.y += up - nowUp;
    this.changed();
  }

  changed() {
    this.isWhole = false;
    this.beside = null;
    this.redraw();
  }

  installMoving() {
    const { canvas, pointers } = this;
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), event.offsetX, event.offsetY);
      },
      { passive: false },
    );
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
      this.travelled = pointers.size > 1 ? Infinity : 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before || !this.map) return;
      const now = [event.offsetX, event.offsetY];
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      pointers.set(event.pointerId, now);
      this.travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (this.travelled < CLICK) return;
      canvas.classList.add("is-dragged");
      if (other) {
        const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]);
        this.zoom(apart(now) / Math.max(apart(before), 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
        this.move((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
      } else this.move(now[0] - before[0], now[1] - before[1]);
    });
    const release = (event) => {
      pointers.delete(event.pointerId);
      if (!pointers.size) canvas.classList.remove("is-dragged");
    };
    canvas.addEventListener("pointerup", (event) => {
      const clicked = this.travelled < CLICK && pointers.size === 1 && event.button < 2;
      release(event);
      if (clicked && this.map) this.click(event);
    });
    canvas.addEventListener("pointercancel", release);
    for (const button of this.root.querySelectorAll("[data-map-zoom]"))
      button.addEventListener("click", () => this.map && this.zoom(Number(button.dataset.mapZoom)));
    this.root.querySelector("[data-map-fit]").addEventListener("click", () => this.map && this.fit());
  }

  installPointing() {
    this.canvas.addEventListener("pointermove", (event) => {
      if (this.map && !this.pointers.size && event.pointerType !== "touch") this.pointAt(this.pointNear(event));
    });
    this.canvas.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && this.pointAt(-1));
  }

  pointNear(event) {
    const reach = event.pointerType === "touch" ? 2 * REACH : REACH;
    const found = this.map.grid.within(...this.toMap(event.offsetX, event.offsetY), reach / this.view.zoom);
    const chosen = this.chosen < 0 ? undefined : found.find((point) => this.map.groupOf[point] === this.chosen);
    return chosen ?? found[0] ?? -1;
  }

  // Touch has no hover: the first tap shows the picture, the second opens it.
  click(event) {
    const point = this.pointNear(event);
    const opens = point >= 0 && (event.pointerType !== "touch" || point === this.at);
    this.pointAt(point);
    if (opens) this.open(event.ctrlKey || event.metaKey || event.button === 1);
  }

  async pointAt(point) {
    if (point === this.at) return;
    this.at = point;
    this.canvas.classList.toggle("is-over", point >= 0);
    if (point < 0) {
      this.card.hidden = true;
      return;
    }
    const group = this.map.groups[this.map.groupOf[point]];
    const about = await this.describe(point);
    if (this.at !== point) return;
    showPicture(this.card.querySelector("img"), about?.src);
    this.card.querySelector("b").textContent = about?.title ?? "This picture is gone";
    this.card.querySelector(".quiet").textContent = group.label;
    this.root.querySelector("[data-map-says]").textContent = `${about?.title ?? "Gone"}, in ${group.label}`;
    this.card.hidden = false;
    this.placeCard();
  }

  describe(point) {
    const number = this.map.numbers[point];
    if (!this.known.has(number)) this.known.set(number, getJson(`${this.root.dataset.points}/${number}`));
    return this.known.get(number);
  }

  placeCard() {
    if (this.card.hidden || this.at < 0) return;
    const [x, y] = this.toScreen(this.at);
    const { offsetWidth: width, offsetHeight: height } = this.card;
    const left = Math.min(Math.max(x - width / 2, 8), this.canvas.clientWidth - width - 8);
    const top = y - height - 14 < 8 ? y + 14 : y - height - 14;
    this.card.style.translate = `${Math.round(left)}px ${Math.round(top)}px`;
  }

  async open(aside) {
    const about = await this.describe(this.at);
    if (!about) return;
    if (aside) window.open(about.href, "_blank", "noopener");
    else location.assign(about.href);
  }

  installKeys() {
    this.canvas.addEventListener("keydown", (event) => {
      if (!this.map || event.ctrlKey || event.metaKey || event.altKey) return;
      const step = event.shiftKey ? 240 : 80;
      const keys = {
        ArrowLeft: () => this.move(step, 0),
        ArrowRight: () => this.move(-step, 0),
        ArrowUp: () => this.move(0, step),
        ArrowDown: () => this.move(0, -step),
        "+": () => this.zoom(1.5),
        "=": () => this.zoom(1.5),
        "-": () => this.zoom(1 / 1.5),
        0: () => this.fit(),
        n: () => this.next(1),
        p: () => this.next(-1),
        Enter: () => this.at >= 0 && this.open(false),
        Escape: () => (this.at >= 0 ? this.pointAt(-1) : this.choose(-1)),
      };
      if (!(event.key in keys)) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  // Visit the visible pictures one after another, from the centre outwards.
  next(step) {
    if (!this.beside) {
      const reach = Math.max(this.canvas.clientWidth, this.canvas.clientHeight) / 2 / this.view.zoom;
      const inView = ([x, y]) => x >= 0 && y >= 0 && x <= this.canvas.clientWidth && y <= this.canvas.clientHeight;
      this.beside = this.map.grid
        .within(this.view.x, this.view.y, reach)
        .filter(
          (point) => inView(this.toScreen(point)) && (this.chosen < 0 || this.map.groupOf[point] === this.chosen),
        );
      this.place = step > 0 ? -1 : 0;
    }
    if (!this.beside.length) return;
    this.place = (this.place + step + this.beside.length) % this.beside.length;
    this.pointAt(this.beside[this.place]);
  }

  installGroups() {
    this.words = this.panel.querySelector("[data-map-words]");
    this.words.addEventListener("input", () => this.listGroups());
    this.list.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) this.choose(Number(button.dataset.row) === this.chosen ? -1 : Number(button.dataset.row));
    });
  }

  choose(row) {
    this.chosen = row;
    this.beside = null;
    this.listGroups();
    this.redraw();
  }

  listGroups() {
    if (!this.map) return;
    const words = this.words.value.trim().toLowerCase();
    const shown = this.map.groups
      .filter((group) => group.row === this.chosen || group.label.toLowerCase().includes(words))
      .sort((one, other) => other.size - one.size || one.id - other.id)
      .slice(0, LISTED);
    const focused = document.activeElement?.dataset?.row;
    this.list.replaceChildren(...shown.map((group) => this.line(group)));
    if (focused) this.list.querySelector(`[data-row="${focused}"]`)?.focus();
  }

  line(group) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.row = group.row;
    button.setAttribute("aria-pressed", String(group.row === this.chosen));
    const dot = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    dot.setAttribute("viewBox", "0 0 10 10");
    dot.setAttribute("aria-hidden", "true");
    const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    for (const [name, value] of Object.entries({ cx: 5, cy: 5, r: 5, fill: colourOf(group.row, isDark()) }))
      circle.setAttribute(name, value);
    dot.append(circle);
    const label = document.createElement("span");
    label.textContent = group.label;
    const size = document.createElement("b");
    size.textContent = group.size;
    button.append(dot, label, size);
    const item = document.createElement("li");
    item.append(button);
    return item;
  }
}

const root = document.getElementById("map");
if (root) new LibraryMap(root);
