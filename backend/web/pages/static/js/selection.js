// Selection in a wall: click, shift for a range, long press on touch screens, all, none. Stores ids, so that members that
// are not loaded can be selected.
const PRESS_MS = 400; // before the browser's own menu
const MOST_MOVED = 10;

export class Selection {
  constructor(list, onChange) {
    this.ids = new Set();
    this.list = list;
    this.onChange = onChange;
    this.anchor = null;
    list.addEventListener("click", (event) => this.click(event));
    list.addEventListener("pointerdown", (event) => this.press(event));
    list.addEventListener("pointermove", (event) => this.pressed && isFar(event, this.pressed) && this.release());
    for (const end of ["pointerup", "pointercancel"]) list.addEventListener(end, () => this.release());
    list.addEventListener("contextmenu", (event) => this.hasPressed && event.preventDefault());
    // Members loaded by scrolling show their state.
    list.addEventListener("htmx:afterSettle", () => this.show());
    new MutationObserver(() => this.show()).observe(list, { childList: true });
  }

  shots() {
    return [...this.list.querySelectorAll("[data-media]")];
  }

  // A finger that stays in place selects; one that moves scrolls.
  press(event) {
    this.release();
    this.hasPressed = false;
    const shot = event.pointerType === "touch" && event.target.closest("[data-media]");
    if (!shot) return;
    this.pressed = event;
    this.timer = setTimeout(() => {
      this.hasPressed = true;
      navigator.vibrate?.(10);
      this.toggle(shot);
    }, PRESS_MS);
  }

  release() {
    clearTimeout(this.timer);
    this.pressed = null;
  }

  click(event) {
    const shot = event.target.closest("[data-media]");
    if (!shot) return;
    if (this.hasPressed) {
      this.hasPressed = false;
      event.preventDefault();
      return;
    }
    const onCheck = event.target.closest(".check");
    if (!onCheck && this.ids.size === 0 && !event.shiftKey) return;
    // Clicks that open a link in a new tab keep their meaning.
    if (!onCheck && (event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.toggle(shot, event.shiftKey);
  }

  toggle(shot, asRange = false) {
    const id = shot.dataset.media;
    if (asRange && this.anchor) this.addRange(shot);
    else if (this.ids.has(id)) this.ids.delete(id);
    else this.ids.add(id);
    this.anchor = shot;
    this.show();
  }

  addRange(shot) {
    const shots = this.shots();
    const ends = [shots.indexOf(this.anchor), shots.indexOf(shot)].sort((a, b) => a - b);
    for (const one of shots.slice(ends[0], ends[1] + 1)) this.ids.add(one.dataset.media);
  }

  set(ids) {
    this.ids = new Set(ids);
    this.show();
  }

  clear() {
    this.anchor = null;
    this.set([]);
  }

  show() {
    this.list.classList.toggle("is-selecting", this.ids.size > 0);
    for (const shot of this.shots()) {
      const selected = this.ids.has(shot.dataset.media);
      if (shot.classList.contains("is-selected") === selected) continue;
      shot.classList.toggle("is-selected", selected);
      shot.querySelector(".check").setAttribute("aria-pressed", String(selected));
    }
    this.onChange(this.ids);
  }
}

function isFar(event, from) {
  return Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) > MOST_MOVED;
}
