// Failed htmx requests: a part of the page shows the error in its place, with a way to retry. Others show a toast.
import { problemIn, showToast } from "./toasts.js";

export function installFailures() {
  document.addEventListener("htmx:responseError", ({ detail }) => tell(detail, problemIn(detail.xhr.responseText)));
  document.addEventListener("htmx:sendError", ({ detail }) => tell(detail, "The server cannot be reached."));
}

function tell({ elt: asked, target }, message) {
  const place = [asked, target?.querySelector("[aria-busy=true]")].find(isPart);
  if (place) return putNote(place, asked, message);
  // A part that polls has stopped now.
  const actions = asked.matches("[aria-busy=true]")
    ? [{ label: "Try again", run: () => askAnew(asked, asked.cloneNode(true)) }]
    : [];
  showToast(message, { error: true, actions });
}

const isPart = (place) =>
  place?.matches(".sentinel") || (place?.matches("[aria-busy=true]") && place.querySelector(".skeleton"));

function putNote(place, asked, message) {
  const waiting = place.cloneNode(true);
  const note = document.createElement(place.localName === "ol" ? "div" : place.localName);
  note.className = "failed-part";
  note.setAttribute("role", "alert");
  const words = document.createElement("p");
  words.textContent = message;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "button";
  again.textContent = "Try again";
  again.addEventListener("click", () => {
    if (asked === place) return askAnew(note, waiting);
    note.replaceWith(waiting);
    htmx.trigger(asked, "submit");
  });
  note.append(words, again);
  place.replaceWith(note);
}

function askAnew(old, fresh) {
  fresh.classList.remove("htmx-request");
  old.replaceWith(fresh);
  htmx.process(fresh);
}
