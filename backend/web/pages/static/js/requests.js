// Requests for fragments or JSON. Errors are shown in a toast.
import { asking } from "./asking.js";
import { problemOf, showToast } from "./toasts.js";

async function ask(url, options, onFailure = () => {}) {
  let response;
  asking(1);
  try {
    response = await fetch(url, options);
  } catch {
    showToast("The server cannot be reached.", { error: true });
    onFailure(0);
    return null;
  } finally {
    asking(-1);
  }
  if (response.ok) return response;
  const login = response.headers.get("HX-Redirect");
  if (login) {
    location.assign(login);
    return null;
  }
  showToast(await problemOf(response), { error: true });
  onFailure(response.status);
  return null;
}

export async function getText(url) {
  const response = await ask(url, { headers: { "HX-Request": "true" } });
  return response && response.text();
}

export async function getJson(url) {
  const response = await ask(url, {});
  return response && response.json();
}

// onFailure gets the status, 0 without a response. With keepalive, the request completes even if the page is left.
export function post(url, body, { onFailure, keepalive = false } = {}) {
  const options = {
    method: "POST",
    headers: { "content-type": "application/json", "HX-Request": "true" },
    body: JSON.stringify(body ?? {}),
    keepalive,
  };
  return ask(url, options, onFailure);
}

// A form with files.
export function send(url, body) {
  return ask(url, { method: "POST", headers: { accept: "application/json" }, body });
}
