// One upload request of a picture or address, with progress.
export class Refused extends Error {
  // retryAfterSeconds: set if a retry may succeed; code, detail and hint are those of the Problem.
  constructor({ code, detail = "", hint = "", retryAfterSeconds = null }) {
    super(detail);
    Object.assign(this, { code, detail, hint, retryAfterSeconds });
  }
}

const LATER = new Set([429, 502, 503, 504]);
const BACKOFF_SECONDS = 2;

// Resolves to the picture that the server created or had. Rejects with Refused or AbortError.
export function send(item, onSent, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", item.url ? "/admin/upload/url" : "/admin/upload/file");
    request.setRequestHeader("accept", "application/json");
    request.setRequestHeader("idempotency-key", item.key);
    request.upload.addEventListener(
      "progress",
      (event) => event.lengthComputable && onSent(event.loaded / event.total),
    );
    request.addEventListener("load", () => {
      try {
        resolve(read(request));
      } catch (error) {
        reject(error);
      }
    });
    const unreachable = () =>
      reject(
        new Refused({
          code: "unreachable",
          detail: "The server cannot be reached.",
          retryAfterSeconds: BACKOFF_SECONDS,
        }),
      );
    request.addEventListener("error", unreachable);
    request.addEventListener("timeout", unreachable);
    request.addEventListener("abort", () => reject(new DOMException("Stopped", "AbortError")));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(bodyOf(item, request));
  });
}

function bodyOf(item, request) {
  if (item.url) {
    request.setRequestHeader("content-type", "application/json");
    const keywords = item.words.keywords.split(",").filter((word) => word.trim());
    return JSON.stringify({ ...item.words, keywords, url: item.url });
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(item.words)) form.append(name, value);
  form.append("file", item.file, item.name);
  return form;
}

function read(request) {
  const type = request.getResponseHeader("content-type") ?? "";
  const body = type.includes("json") ? JSON.parse(request.responseText) : null;
  if (request.status < 300 && body?.media) return body.media[0];
  const code = body?.code ?? "internal_error";
  const mayWorkLater = LATER.has(request.status) || code === "idempotency_in_progress";
  const asked = Number(request.getResponseHeader("retry-after"));
  throw new Refused({
    code,
    detail: body?.detail ?? `The server answered ${request.status}.`,
    hint: body?.hint ?? "",
    retryAfterSeconds: mayWorkLater ? Math.min(asked > 0 ? asked : BACKOFF_SECONDS, 60) : null,
  });
}
