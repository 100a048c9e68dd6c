// A line at the top of the window while an answer is waited for; CSS lets short waits pass unseen.
let open = 0;

export function asking(change) {
  open = Math.max(0, open + change);
  document.getElementById("asking").classList.toggle("is-busy", open > 0);
}

// What htmx asks by itself now and then is nobody's wait.
const isWaitedFor = ({ detail }) => detail.requestConfig.verb !== "get";

export function installAsking() {
  document.addEventListener("htmx:beforeRequest", (event) => isWaitedFor(event) && asking(1));
  document.addEventListener("htmx:afterRequest", (event) => isWaitedFor(event) && asking(-1));
}
