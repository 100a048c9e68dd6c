// Short messages at the bottom. Errors stay until they are dismissed.
const SECONDS = 8;

export function showToast(message, { error = false, actions = [] } = {}) {
  const toast = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  const words = message.replaceAll("`", "");
  toast.querySelector("p").textContent = words;
  toast.classList.toggle("error", error);
  for (const { label, run } of actions) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = label;
    button.addEventListener("click", () => {
      toast.remove();
      run();
    });
    toast.querySelector(".toast-actions").append(button);
  }
  // Remove earlier success messages: their undo is no longer the latest one.
  for (const old of document.querySelectorAll("#toasts .toast:not(.error)")) old.remove();
  // Report an outage once, however often requests fail.
  for (const old of document.querySelectorAll("#toasts .toast.error")) {
    if (old.querySelector("p").textContent === words) old.remove();
  }
  document.getElementById("toasts").append(toast);
  if (!error) setTimeout(() => leave(toast), SECONDS * 1000);
}

// Not while the user interacts with it.
function leave(toast) {
  if (toast.matches(":hover, :focus-within")) setTimeout(() => leave(toast), 1000);
  else toast.remove();
}

// Undo what the current message offers. Returns whether it offers anything.
export function undoShown() {
  const button = [...document.querySelectorAll("#toasts .toast .button")].findLast((one) => one.textContent === "Undo");
  button?.click();
  return Boolean(button);
}

// The error in a page or a Problem.
export async function problemOf(response) {
  const type = response.headers.get("content-type") ?? "";
  if (type.includes("json")) {
    const problem = await response.json();
    return [problem.detail, problem.hint].filter(Boolean).join(" ");
  }
  return problemIn(await response.text());
}

// The error in the text of a page.
export function problemIn(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const parts = page.querySelectorAll("[data-problem] h1, [data-problem] > p:not(.actions, .quiet)");
  return [...parts].map((part) => part.textContent.trim()).join(" ") || "That did not work.";
}

export function installToasts() {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) event.target.closest(".toast").remove();
  });
}
