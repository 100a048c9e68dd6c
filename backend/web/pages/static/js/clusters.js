// The wall of groups: announces new groups and shows them.
const SECONDS = 5;

const wall = () => document.getElementById("wall");

async function ask() {
  const newest = wall()?.dataset.newest;
  if (newest === undefined || document.hidden) return;
  const response = await fetch(`/admin/clusters/news?after=${newest}`).catch(() => null);
  // Polls fail silently. The user learns of an outage on the next action.
  if (!response?.ok || wall()?.dataset.newest !== newest) return;
  const { count } = await response.json();
  announce(count);
}

function announce(count) {
  const pill = wall().querySelector("[data-news]");
  pill.hidden = count === 0;
  pill.querySelector("span").textContent = `${count} new group${count === 1 ? "" : "s"}`;
  if (count > 0 && wall().dataset.sort === "newest" && scrollY < 100) show();
}

function show() {
  const sort = document.querySelector("#wall-form [name=sort]");
  const newest = Number(wall().dataset.newest);
  sort.value = "newest";
  document.addEventListener("htmx:afterSettle", () => mark(newest), { once: true });
  sort.dispatchEvent(new Event("change", { bubbles: true }));
  scrollTo({ top: 0 });
}

function mark(newest) {
  for (const card of wall().querySelectorAll("[data-cluster]")) {
    card.classList.toggle("is-new", Number(card.dataset.cluster) > newest);
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-news]")) show();
});
document.addEventListener("visibilitychange", ask);
const timer = setInterval(ask, SECONDS * 1000);
addEventListener("pagehide", () => clearInterval(timer));
