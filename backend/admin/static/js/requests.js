// Requests that answer with a fragment or JSON; what goes wrong is told in a toast.
import { problemOf, showToast } from "./toasts.js";

async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    showToast("The server cannot be reached.", { error: true });
    return null;
  }
  if (response.ok) return response;
  showToast(await problemOf(response), { error: true });
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

export function post(url, body) {
  return ask(url, {
    method: "POST",
    headers: { "content-type": "application/json", "HX-Request": "true" },
    body: JSON.stringify(body ?? {}),
  });
}
