// Progress of uploads on the server: by server-sent events, or by polling if those are blocked.
const GATHER_MS = 500;
const POLL_SECONDS = 2;
const SLOWEST_POLL_SECONDS = 15;
const POLLS_BEFORE_STREAM = 5;

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

export class Progress {
  // onProgress(item, row): the server's state of an item.
  constructor({ most, onProgress }) {
    this.most = most;
    this.onProgress = onProgress;
    this.watched = new Map();
    this.polls = 0;
    this.running = false;
  }

  watch(item) {
    if (!this.watched.has(item.mediaId)) this.watched.set(item.mediaId, new Set());
    this.watched.get(item.mediaId).add(item);
    // Items added together are requested together, in one stream that replaces the previous one.
    this.gathering ??= setTimeout(() => {
      this.gathering = null;
      this.abort?.abort();
      this.run();
    }, GATHER_MS);
  }

  async run() {
    if (this.running) return;
    this.running = true;
    while (this.watched.size) {
      const ids = [...this.watched.keys()].slice(0, this.most);
      if (this.polls > 0) await this.poll(ids);
      else await this.stream(ids);
    }
    this.running = false;
  }

  post(path, ids, options = {}) {
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    return fetch(path, { method: "POST", headers, body: JSON.stringify({ ids }), ...options });
  }

  async stream(ids) {
    this.abort = new AbortController();
    let settled = false;
    try {
      const response = await this.post("/admin/upload/stream", ids, { signal: this.abort.signal });
      if (!response.ok) throw new Error(response.statusText);
      for await (const { event, data } of eventsOf(response.body)) {
        if (event === "settled") settled = true;
        else for (const row of JSON.parse(data)) this.hear(row);
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      settled = false;
    }
    // After a stream that ended early, poll for a while.
    if (!settled && !this.abort.signal.aborted) this.polls = 1;
  }

  async poll(ids) {
    await wait(Math.min(POLL_SECONDS * this.polls, SLOWEST_POLL_SECONDS));
    try {
      const response = await this.post("/admin/upload/progress", ids);
      if (!response.ok) throw new Error(response.statusText);
      for (const row of await response.json()) this.hear(row);
      this.polls = this.polls >= POLLS_BEFORE_STREAM ? 0 : this.polls + 1;
    } catch {
      this.polls += 1;
    }
  }

  hear(row) {
    for (const item of this.watched.get(row.id) ?? []) this.onProgress(item, row);
    if (row.settled) this.watched.delete(row.id);
  }
}

// The events of a text/event-stream, as {event, data}.
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(
        part.split("\n").map((line) => [line.split(":", 1)[0], line.slice(line.indexOf(":") + 1).trim()]),
      );
      if (fields.data) yield { event: fields.event, data: fields.data };
    }
  }
}
