// Judgements of hits, by button or shortcut. Repeating a judgement withdraws it.
import { post } from "./requests.js";
import { onKey } from "./shortcuts.js";
import { showToast } from "./toasts.js";

const KEYS = { y: true, n: false };

export class Judging {
  // url: of the page's judgements; ask: returns { query_kind, query }, or null if hits cannot be judged; prepare: runs before
  // the first judgement of a query, and resolves to whether it succeeded.
  constructor(list, url, ask, prepare = () => true) {
    this.list = list;
    this.url = url;
    this.ask = ask;
    this.prepare = prepare;
    this.said = {};
    this.revision = 0;
    list.addEventListener("click", (event) => {
      const button = event.target.closest("[data-judge]");
      if (button) this.toggle(button.closest("[data-media]"), button.dataset.judge === "right");
    });
    onKey((event) => this.key(event));
  }

  // The query has changed, or there are more hits.
  async read() {
    const query = this.ask();
    if (!query) {
      this.list.classList.remove("is-judged");
      return;
    }
    const asked = JSON.stringify(query);
    const { revision } = this;
    const response = await post(`${this.url}/said`, query);
    if (!response || asked !== JSON.stringify(this.ask())) return;
    const said = await response.json();
    // Judgements made during the request may be missing in its response.
    if (revision !== this.revision) {
      this.read();
      return;
    }
    this.said = said;
    this.list.classList.add("is-judged");
    this.mark();
  }

  mark() {
    for (const hit of this.list.querySelectorAll("[data-media]")) {
      const right = this.said[hit.dataset.media];
      for (const button of hit.querySelectorAll("[data-judge]")) {
        button.setAttribute("aria-pressed", String(right === (button.dataset.judge === "right")));
      }
      hit.classList.toggle("is-wrong", right === false);
      hit.classList.toggle("is-right", right === true);
    }
  }

  key(event) {
    if (!(event.key in KEYS) || event.ctrlKey || event.metaKey) return false;
    const hit = document.activeElement.closest?.("[data-media]");
    if (!hit || !this.list.contains(hit) || !this.list.classList.contains("is-judged")) return false;
    this.toggle(hit, KEYS[event.key]);
    return true;
  }

  toggle(hit, right) {
    this.say(hit.dataset.media, this.said[hit.dataset.media] === right ? null : right);
  }

  async say(media, right, undoing = false) {
    const query = this.ask();
    if (!query) return;
    const before = this.said[media];
    this.put(media, right);
    if (!(await this.prepare(query))) {
      this.put(media, before ?? null);
      return;
    }
    const response = await post(this.url, { ...query, media_id: media, right }, { keepalive: true });
    if (!response) {
      this.put(media, before ?? null);
      return;
    }
    const told = (await response.json()).before;
    const words = right === null ? "Judgement withdrawn" : right ? "Noted as right" : "Noted as wrong";
    const undo = { label: "Undo", run: () => this.say(media, told, true) };
    showToast(words, { actions: undoing ? [] : [undo] });
  }

  put(media, right) {
    this.revision += 1;
    if (right === null) delete this.said[media];
    else this.said[media] = right;
    this.mark();
  }
}
