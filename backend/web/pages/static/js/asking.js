// A line at the top of the window while a response is pending. CSS hides it for short waits.
let open = 0;

export function asking(change) {
  open = Math.max(0, open + change);
  document.getElementById("asking").classList.toggle("is-busy", open > 0);
}

// Ignore htmx requests that poll by themselves.
const isWaitedFor = ({ detail }) => detail.requestConfig.verb !== "get";

export function installAsking() {
  document.addEventListener("htmx:beforeRequest", (event) => isWaitedFor(event) && asking(1));
  document.addEventListener("htmx:afterRequest", (event) => isWaitedFor(event) && asking(-1));
}
