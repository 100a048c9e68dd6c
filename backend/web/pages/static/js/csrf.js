// Adds the session's CSRF token to all requests that change something. Other sites cannot know it. Done once for htmx and all
// modules, so that none can forget it.
const HEADER = "X-CSRF-Token";
const SAFE = ["GET", "HEAD", "OPTIONS"];

const token = document.querySelector("meta[name=csrf-token]")?.content;
const needsToken = (method, url) =>
  token && !SAFE.includes(method.toUpperCase()) && new URL(url, location.href).origin === location.origin;

export function installCsrfToken() {
  const { fetch } = globalThis;
  globalThis.fetch = (resource, options) => {
    const method = options?.method ?? resource.method ?? "GET";
    if (!needsToken(method, resource.url ?? resource)) return fetch(resource, options);
    const headers = new Headers(options?.headers ?? resource.headers);
    headers.set(HEADER, token);
    return fetch(resource, { ...options, headers });
  };
  const { open } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    open.call(this, method, url, ...rest);
    if (needsToken(method, url)) this.setRequestHeader(HEADER, token);
  };
}
