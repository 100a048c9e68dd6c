// Selecting in a wall: click, shift for a range, all, none. Holds ids, so that members not loaded yet can be among them.
export class Selection {
  constructor(list, onChange) {
    this.ids = new Set();
    this.list = list;
    this.onChange = onChange;
    this.anchor = null;
    list.addEventListener("click", (event) => this.click(event));
    // Members that come in by scrolling look as they are.
    list.addEventListener("htmx:afterSettle", () => this.show());
    new MutationObserver(() => this.show()).observe(list, { childList: true });
  }

  shots() {
    return [...this.list.querySelectorAll("[data-media]")];
  }

  click(event) {
    const shot = event.target.closest("[data-media]");
    if (!shot) return;
    const onCheck = event.target.closest(".check");
    if (!onCheck && this.ids.size === 0 && !event.shiftKey) return;
    // What opens a link in another tab still does.
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
