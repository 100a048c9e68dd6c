// Checksums of files. Browsers do not compute any in pages without a secure context (https or localhost); then all files are sent.
const waiting = new Map();
let worker = null;
let numbers = 0;

// Permanently disabled: waiting files get none either.
function giveUp() {
  worker = null;
  for (const { resolve } of waiting.values()) resolve(null);
  waiting.clear();
}

function start() {
  if (!isSecureContext || !globalThis.crypto?.subtle) return;
  worker = new Worker(new URL("checksum-worker.js", import.meta.url), { type: "module" });
  worker.addEventListener("error", giveUp);
  worker.addEventListener("message", ({ data: { id, checksum, error } }) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error) asked?.reject(new Error(error));
    else asked?.resolve(checksum);
  });
}

start();

// Hex, or null if unavailable. Rejects for an unreadable file.
export function checksumOf(file) {
  if (!worker) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const id = ++numbers;
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, file });
  });
}
