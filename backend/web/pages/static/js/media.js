// The page of a picture: its text, shortcuts to its neighbours, and similar pictures.
import { onKey } from "./shortcuts.js";
import { Similar } from "./similar.js";

const similar = document.getElementById("similar");
if (similar) new Similar(similar);

function editText(editing) {
  document.querySelector("[data-text-shown]").hidden = editing;
  document.querySelector("[data-text-form]").hidden = !editing;
  document.querySelector("[data-text-edit]").hidden = editing;
  if (editing) document.querySelector("[data-text-form] input").focus();
  else document.querySelector("[data-text-edit]").focus();
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-text-edit]")) editText(true);
  if (event.target.closest("[data-text-cancel]")) editText(false);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest("[data-text-form]")) editText(false);
});

const inWall = () => document.activeElement.closest("[data-wall]");

onKey((event) => {
  if (event.ctrlKey || event.metaKey) return false;
  const links = {
    ArrowLeft: '[data-step="previous"]',
    k: '[data-step="previous"]',
    ArrowRight: '[data-step="next"]',
    j: '[data-step="next"]',
    Escape: "[data-up]",
    u: "[data-up]",
  };
  if (event.target.matches("input[type=range]")) return false;
  if (event.key in links && !inWall() && !document.querySelector(":popover-open")) {
    document.querySelector(links[event.key])?.click();
    return true;
  }
  if (event.key === "e") {
    editText(true);
    return true;
  }
  return false;
});
