// Dialogs of the model page, fetched when opened so that they are current. Errors are shown in the dialog.
import { openDialog } from "./dialogs.js";
import { getText } from "./requests.js";
import { problemIn } from "./toasts.js";

const dialog = document.getElementById("model-dialog");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-ask]");
  if (!button) return;
  const fragment = await getText(button.dataset.ask);
  if (fragment === null) return;
  const place = dialog.querySelector("[data-asked]");
  place.innerHTML = fragment;
  htmx.process(place);
  openDialog(dialog.id);
});

dialog.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.successful) dialog.close();
});

// A toast would be hidden behind the dialog.
const refuse = (event, message) => {
  event.stopPropagation();
  const place = dialog.querySelector("[data-refusal]");
  place.textContent = message.replaceAll("`", "");
  place.hidden = false;
  place.scrollIntoView({ block: "nearest" });
};

dialog.addEventListener("htmx:responseError", (event) => refuse(event, problemIn(event.detail.xhr.responseText)));
dialog.addEventListener("htmx:sendError", (event) => refuse(event, "The server cannot be reached."));
