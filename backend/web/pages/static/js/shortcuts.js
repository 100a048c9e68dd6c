// Keyboard shortcuts of the page. Pages add theirs with onKey(); a handler returns true if it used the key.
import { openDialog } from "./dialogs.js";
import { toggleTheme } from "./theme-toggle.js";
import { undoShown } from "./toasts.js";
import { moveInWall } from "./walls.js";

const WALL_KEYS = new Set(["j", "k", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]);
const handlers = [];
let goUntil = 0;

export function onKey(handler) {
  handlers.push(handler);
}

export function installShortcuts() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.altKey) return;
    if (event.key === "Escape" && leaveField(event.target)) {
      // The browser would otherwise clear the field.
      event.preventDefault();
      return;
    }
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    // After `g`, the next key selects a page, whatever else it means here.
    const used = Date.now() < goUntil ? handle(event) : handlers.some((one) => one(event)) || handle(event);
    if (used) event.preventDefault();
  });
}

function handle(event) {
  if (event.ctrlKey || event.metaKey) return event.key === "z" && !event.shiftKey && undoShown();
  if (Date.now() < goUntil) {
    goUntil = 0;
    const entry = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (entry) entry.click();
    return Boolean(entry);
  }
  switch (event.key) {
    case "/":
      return focusSearch();
    case "?":
      return Boolean(openDialog("shortcuts"));
    case "t":
      toggleTheme();
      return true;
    case "g":
      goUntil = Date.now() + 1500;
      return true;
    default:
      return WALL_KEYS.has(event.key) && moveInWall(event.key);
  }
}

function focusSearch() {
  const field = document.querySelector("[data-search]");
  field?.focus();
  field?.select?.();
  return Boolean(field);
}

function leaveField(target) {
  if (!target.matches?.("input[data-search]")) return false;
  target.blur();
  return true;
}

function isTyping(target) {
  return Boolean(
    target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable=true]"),
  );
}
