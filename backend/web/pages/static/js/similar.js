// Similar pictures, ranked in the browser while the slider moves.
import { Judging } from "./judging.js";
import { showPicture } from "./pictures.js";
import { getJson } from "./requests.js";
import { barWidth, combined, figure, rank } from "./ranking.js";

const SHOWN = 12;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Similar {
  constructor(section) {
    this.list = section.querySelector("[data-hits]");
    this.template = section.querySelector("[data-hit-template]");
    this.slider = section.querySelector("[data-alpha]");
    this.output = section.querySelector("[data-alpha-value]");
    this.card = section.querySelector("#why");
    this.cards = new Map();
    this.hits = [];
    this.slider.addEventListener("input", () => this.show());
    this.list.addEventListener("click", (event) => this.explain(event));
    const query = { query_kind: "media", query: section.dataset.mediaId };
    this.judging = new Judging(this.list, section.dataset.judgements, () => query);
    this.load(section.dataset.url);
  }

  get alpha() {
    return Number(this.slider.value);
  }

  async load(url) {
    const hits = await getJson(url);
    this.list.replaceChildren();
    this.list.removeAttribute("aria-busy");
    if (!hits?.length) {
      const none = document.createElement("li");
      none.className = "quiet none";
      none.textContent = hits ? "There is nothing to compare it with yet." : "The similar pictures could not be read.";
      this.list.append(none);
      return;
    }
    this.hits = hits;
    for (const hit of hits) this.cards.set(hit.id, this.make(hit));
    this.show();
    this.judging.read();
  }

  make(hit) {
    const card = this.template.content.firstElementChild.cloneNode(true);
    card.dataset.id = hit.id;
    card.dataset.media = hit.id;
    card.querySelector("a").href = hit.href;
    showPicture(card.querySelector("img"), hit.src);
    card.querySelector(".hit-title").textContent = hit.title;
    for (const leg of ["image", "text"]) {
      card.querySelector(`[data-leg="${leg}"]`).setAttribute("width", barWidth(hit[leg]));
      card.querySelector(`[data-figure="${leg}"]`).textContent = figure(hit[leg]);
    }
    return card;
  }

  show() {
    this.output.textContent = this.alpha.toFixed(2);
    const before = new Map([...this.list.children].map((card) => [card, card.getBoundingClientRect()]));
    const ranked = rank(this.hits, this.alpha).slice(0, SHOWN);
    const cards = ranked.map((hit, place) => {
      const card = this.cards.get(hit.id);
      card.querySelector(".hit-rank").textContent = `${place + 1} · ${figure(combined(hit, this.alpha))}`;
      return card;
    });
    const changed =
      cards.length !== this.list.children.length || cards.some((card, i) => card !== this.list.children[i]);
    if (changed) {
      this.list.replaceChildren(...cards);
      if (!calm.matches) for (const card of cards) slide(card, before.get(card));
      this.judging.mark();
    }
    if (this.explained && this.card.matches(":popover-open")) this.write(this.explained);
  }

  explain(event) {
    const button = event.target.closest("[data-why]");
    if (!button) return;
    this.explained = this.hits.find((hit) => hit.id === button.closest("[data-id]").dataset.id);
    this.write(this.explained);
    this.card.showPopover();
    const at = button.getBoundingClientRect();
    const own = this.card.getBoundingClientRect();
    this.card.style.left = `${Math.max(8, Math.min(at.left, innerWidth - own.width - 8))}px`;
    this.card.style.top = `${at.bottom + own.height + 8 < innerHeight ? at.bottom + 8 : Math.max(8, at.top - own.height - 8)}px`;
  }

  write(hit) {
    const { alpha } = this;
    this.card.querySelector("h3").textContent = hit.title;
    const rows = [
      [`Picture: ${alpha.toFixed(2)} × ${figure(hit.image)}`, figure(alpha * (hit.image ?? 0))],
      [`Words: ${(1 - alpha).toFixed(2)} × ${figure(hit.text)}`, figure((1 - alpha) * (hit.text ?? 0))],
      ["Together", figure(combined(hit, alpha))],
    ];
    this.card.querySelector("[data-why-sum]").replaceChildren(...rows.map(pair));
    this.card.querySelector("[data-why-sum]").lastElementChild.classList.add("total");
    this.card.querySelector("[data-why-words]").textContent = reasons(hit).join(" ");
  }
}

function reasons(hit) {
  const range = `alpha ${hit.best_low.toFixed(2)} to ${hit.best_high.toFixed(2)}`;
  const said = [`Its best place is ${hit.best_rank}, at ${range}.`];
  if (hit.text === null) said.push("One of the two has no words, so the picture decides alone.");
  else if (hit.text < 0.3) said.push("It looks alike; the words say something else.");
  else if (hit.image < 0.6) said.push("The words are alike; it looks different.");
  said.push(hit.same_group ? "It is in the same group." : "It is in another group.");
  return said;
}

function pair([term, value]) {
  const row = document.createElement("div");
  for (const [tag, text] of [
    ["dt", term],
    ["dd", value],
  ]) {
    const part = document.createElement(tag);
    part.textContent = text;
    row.append(part);
  }
  return row;
}

// Move cards from their old to their new position, and fade in new ones.
function slide(card, from) {
  const to = card.getBoundingClientRect();
  const start = from
    ? { transform: `translate(${from.left - to.left}px, ${from.top - to.top}px)` }
    : { opacity: 0, transform: "scale(0.96)" };
  card.animate([start, { opacity: 1, transform: "none" }], { duration: 220, easing: "ease-out" });
}
