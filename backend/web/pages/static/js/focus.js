// Restores the focus when its element disappears: swapped out, hidden, disabled, or behind a closed dialog. Only for keyboard
// users: after a click or tap nothing is moved.
const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex='0']";
// Layers above the page. When they close, the page continues from the previous focus.
const PASSING = "dialog, [popover], #toasts";
const AFTER_RELOAD = "focus-after-reload";

let last = null;
let lastInPage = null;
let left = null;
let waiting = false;

const isShown = (one) => one?.isConnected && !one.disabled && one.checkVisibility({ visibilityProperty: true });
const isUsable = (one) => isShown(one) && one.tabIndex >= 0;
const isLost = () => document.activeElement === document.body || !isShown(document.activeElement);

function remember({ target }) {
  // An element focused by a skip link, for example, cannot be lost.
  if (target.id === "main") {
    last = lastInPage = null;
    return;
  }
  const places = [];
  for (let place = target.parentElement; place; place = place.parentElement) {
    if (place.id) places.push({ place, id: place.id, index: [...place.querySelectorAll(FOCUSABLE)].indexOf(target) });
  }
  const after = target.closest("[data-focus-after]")?.dataset.focusAfter;
  last = { target, places, after, dialog: target.closest("dialog"), isSeen: target.matches(":focus-visible") };
  if (!target.closest(PASSING)) lastInPage = last;
  // In a strip wider than a phone, a browser may leave it outside the window.
  if (target.closest("[data-strip]")) target.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// A user who leaves by clicking elsewhere, or with Escape, has lost nothing.
function forget({ target, relatedTarget }) {
  if (relatedTarget || !document.hasFocus()) return;
  left = target;
  requestAnimationFrame(settle);
}

// Only now it is known whether the element was left or has disappeared.
function settle() {
  if (left && isUsable(left) && document.activeElement === document.body && last?.target === left)
    last = lastInPage = null;
  left = null;
}

function look() {
  if (waiting || !last) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    settle(); // it may have been left in this frame
    if (!last || !isLost()) return;
    const dialog = document.querySelector("dialog[open]");
    if (dialog && last.dialog !== dialog) return;
    const from = dialog ? last : lastInPage;
    if (from?.isSeen) substituteOf(from, dialog)?.focus({ preventScroll: true });
  });
}

function substituteOf({ target, places, after }, dialog) {
  const same = [target, target.id && document.getElementById(target.id), after && document.querySelector(after)].find(
    isUsable,
  );
  if (same) return same;
  for (const { place, id, index } of places) {
    const now = place.isConnected ? place : document.getElementById(id);
    if (!now) continue;
    const all = [...now.querySelectorAll(FOCUSABLE)];
    // The element that moved up, or the one before, of the same kind if possible; never a destructive one.
    const inOrder = [...all.slice(Math.max(index, 0)), ...all.slice(0, Math.max(index, 0)).reverse()];
    const usable = inOrder.filter(
      (one) => isUsable(one) && !one.matches(".danger") && !one.closest(dialog ? "#toasts" : PASSING),
    );
    const found =
      usable.find((one) => one.localName === target.localName && one.className === target.className) ?? usable[0];
    if (found) return found;
  }
  return document.getElementById("main");
}

// The element that reloaded the page says where the focus was.
function keepOverReload({ detail }) {
  if (detail.xhr?.getResponseHeader("HX-Refresh") !== "true" || !last?.isSeen) return;
  const selector = detail.elt.closest("[data-focus-after]")?.dataset.focusAfter;
  if (selector) sessionStorage.setItem(AFTER_RELOAD, selector);
}

export function installFocus() {
  document.addEventListener("focusin", remember);
  document.addEventListener("focusout", forget);
  document.addEventListener("htmx:beforeOnLoad", keepOverReload);
  new MutationObserver(look).observe(document.body, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ["hidden", "disabled", "open", "class"],
  });
  const selector = sessionStorage.getItem(AFTER_RELOAD);
  sessionStorage.removeItem(AFTER_RELOAD);
  if (selector) document.querySelector(selector)?.focus();
}
