// The upload queue: checks checksums, sends a few files at a time, and retries if the server is busy.
import { checksumOf } from "./checksums.js";
import { send } from "./upload-sending.js";

const PARALLEL = 3;
const ASKED_AT_ONCE = 100;
const ASK_AFTER_MS = 400;
const MOST_TRIES = 6;

// Not randomUUID(), which is missing in pages without a secure context.
const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export const OUTCOMES = { grouped: "new", duplicate: "duplicate", failed: "failed", stopped: "failed" };
export const outcomeOf = (item) => OUTCOMES[item.state] ?? "way";
export const mayTryAgain = (item) => item.state === "stopped" || (item.state === "failed" && item.mayWorkLater);

export class Queue {
  // onChange(item): its display changes; onAccepted(item): the server has it, as item.mediaId.
  constructor({ mostBytes, mostChecksums, onChange, onAccepted }) {
    Object.assign(this, { mostBytes, onChange, onAccepted });
    this.askedAtOnce = Math.min(ASKED_AT_ONCE, mostChecksums);
    this.unchecked = [];
    this.ready = [];
    this.sending = new Map();
    this.firstOf = new Map();
    this.checking = false;
    this.heldUntil = 0;
  }

  get isBusy() {
    return this.checking || this.unchecked.length + this.ready.length + this.sending.size > 0;
  }

  add(items) {
    for (const item of items) {
      Object.assign(item, {
        state: "waiting",
        sent: 0,
        tries: 0,
        key: newKey(),
        code: null,
        detail: "",
        hint: "",
        warnings: [],
      });
      if (item.file && item.file.size > this.mostBytes) {
        const detail = `The file has ${item.file.size.toLocaleString("en")} bytes; ${this.mostBytes.toLocaleString("en")} are allowed.`;
        this.fail(item, { code: "file_too_large", detail });
      } else (item.file ? this.unchecked : this.ready).push(item);
      this.onChange(item);
    }
    this.check();
    this.pump();
  }

  // --- checking, one file at a time ---

  async check() {
    if (this.checking) return;
    this.checking = true;
    let checked = [];
    let asked = performance.now();
    while (this.unchecked.length) {
      const item = this.unchecked.shift();
      this.set(item, "checking");
      try {
        item.checksum ??= await checksumOf(item.file);
        if (item.state === "checking") checked.push(item);
      } catch {
        this.fail(item, { code: "file_unreadable", detail: "The file cannot be read." });
      }
      if (checked.length >= this.askedAtOnce || performance.now() - asked > ASK_AFTER_MS || !this.unchecked.length) {
        await this.sortOut(checked);
        checked = [];
        asked = performance.now();
      }
    }
    this.checking = false;
  }

  async sortOut(items) {
    const known = await this.ask(items.map((item) => item.checksum).filter(Boolean));
    for (const item of items) {
      if (item.state !== "checking") continue;
      const here = known.get(item.checksum);
      if (here) this.accept(item, { id: here, duplicate: true });
      else if (!this.waitForTwin(item)) {
        this.set(item, "waiting");
        this.ready.push(item);
      }
    }
    this.pump();
  }

  // Ids of stored files by checksum. If the server does not respond, sending the file will tell.
  async ask(checksums) {
    if (checksums.length === 0) return new Map();
    try {
      const response = await fetch("/admin/upload/known", {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json" },
        body: JSON.stringify({ checksums }),
      });
      const { known } = await response.json();
      return new Map(known.map(({ sha256, id }) => [sha256, id]));
    } catch {
      return new Map();
    }
  }

  // The same file twice in a batch: the second waits for the result of the first.
  waitForTwin(item) {
    const first = item.checksum && this.firstOf.get(item.checksum);
    if (!first || first === item || first.state === "failed" || first.state === "stopped") {
      if (item.checksum) this.firstOf.set(item.checksum, item);
      return false;
    }
    if (first.mediaId) this.accept(item, { id: first.mediaId, duplicate: true });
    else {
      this.set(item, "waiting");
      (first.twins ??= []).push(item);
    }
    return true;
  }

  releaseTwins(item) {
    const twins = item.twins ?? [];
    item.twins = [];
    for (const twin of twins) {
      if (twin.state !== "waiting") continue;
      if (item.mediaId) this.accept(twin, { id: item.mediaId, duplicate: true });
      else this.fail(twin, item);
    }
  }

  // --- sending ---

  pump() {
    const heldMs = this.heldUntil - Date.now();
    if (heldMs > 0) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.pump(), heldMs);
      return;
    }
    while (this.sending.size < PARALLEL && this.ready.length) this.sendOne(this.ready.shift());
  }

  async sendOne(item) {
    const abort = new AbortController();
    this.sending.set(item, abort);
    item.sent = 0;
    this.set(item, "sending");
    const onSent = (share) => {
      item.sent = share;
      this.onChange(item);
    };
    try {
      this.accept(item, await send(item, onSent, abort.signal));
    } catch (error) {
      this.judge(item, error);
    }
    this.sending.delete(item);
    this.onChange(item);
    this.pump();
  }

  accept(item, media) {
    item.mediaId = media.id;
    item.file = null;
    item.warnings = media.warnings ?? [];
    this.set(item, media.duplicate ? "duplicate" : media.status === "fetching" ? "fetching" : "stored");
    this.releaseTwins(item);
    this.onAccepted(item);
  }

  judge(item, error) {
    if (error.name === "AbortError") return this.halt(item);
    const { code = "internal_error", detail = String(error), hint = "", retryAfterSeconds = null } = error;
    item.tries += 1;
    if (retryAfterSeconds !== null && item.tries < MOST_TRIES) {
      // The delay doubles each time and applies to all, so that a busy server gets no other requests.
      this.heldUntil = Date.now() + Math.min(retryAfterSeconds * 2 ** (item.tries - 1), 60) * 1000;
      item.detail = detail;
      this.ready.unshift(item);
      return this.set(item, "waiting");
    }
    this.fail(item, { code, detail, hint, mayWorkLater: retryAfterSeconds !== null || code === "storage_full" });
    // The session has ended: all other requests would fail too.
    if (code === "unauthorized" || code === "csrf_failed") this.stop();
  }

  fail(item, { code, detail, hint = "", mayWorkLater = false }) {
    Object.assign(item, { code, detail, hint, mayWorkLater });
    this.set(item, "failed");
    this.releaseTwins(item);
  }

  halt(item) {
    Object.assign(item, { code: "stopped", detail: "It was stopped." });
    this.set(item, "stopped");
    const twins = item.twins ?? [];
    item.twins = [];
    for (const twin of twins) this.halt(twin);
  }

  // --- user actions ---

  stop(item = null) {
    const wanted = (one) => item === null || one === item;
    for (const list of [this.unchecked, this.ready]) {
      for (const one of list.splice(0)) {
        if (wanted(one)) this.halt(one);
        else list.push(one);
      }
    }
    if (item?.state === "checking" || item?.state === "waiting") this.halt(item);
    for (const [one, abort] of this.sending) if (wanted(one)) abort.abort();
  }

  // Check its checksum again: it may have arrived before it was stopped.
  again(items) {
    this.heldUntil = 0;
    this.add(items);
  }

  set(item, state) {
    item.state = state;
    this.onChange(item);
  }
}
