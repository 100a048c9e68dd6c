// Where keys go on once what had the focus is gone: removed by a swap, hidden, disabled, or behind a dialog that has closed.
// Only for whoever saw the focus: after a click or a tap nothing is moved.
const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex='0']";
// What lies over the page for a while. The page goes on from where it was before.
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
  // A place that is given the focus by a skip link, say, cannot be lost.
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
  // In a strip that is wider than a phone a browser may leave it beside the window.
  if (target.closest("[data-strip]")) target.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// Whoever leaves by a click beside, or by Escape, has not lost anything.
function forget({ target, relatedTarget }) {
  if (relatedTarget || !document.hasFocus()) return;
  left = target;
  requestAnimationFrame(settle);
}

// Only now it shows whether it was left, or has gone.
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
    settle(); // it may have been left in this very frame
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
    // What has moved up, or the one before, of the same kind if there is one; never what takes something away.
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

// What has the page loaded anew says where the focus was.
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
