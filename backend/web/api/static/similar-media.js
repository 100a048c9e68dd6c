// <similar-media media-id="...">: pictures similar to one of a mediacluster library, for any page. See docs/how-to/widget.md.
(() => {
  "use strict";
  if (customElements.get("similar-media")) return;

  const script = document.currentScript?.src; // null in a module, which sets `server` instead
  const home = new URL(script ? ".." : "/", script || location.href).href;
  const patienceMs = 15000;

  const sheet = new CSSStyleSheet(); // unlike a style element, allowed by any content security policy of the site
  sheet.replaceSync(`
    :host { display: block; container-type: inline-size; }
    :host([hidden]) { display: none; }
    h2 { margin: 0 0 .75em; font-size: 1.25em; line-height: 1.3; }
    ul { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: var(--similar-media-gap, 1rem);
      margin: 0; padding: 0; list-style: none; }
    li, a { display: flex; flex-direction: column; min-width: 0; }
    a { flex: 1; color: inherit; text-decoration: none; }
    li { max-width: 28rem; border-radius: var(--similar-media-radius, .75rem); overflow: clip;
      background: var(--similar-media-background, color-mix(in srgb, currentColor 7%, transparent)); }
    li:has(:focus-visible) { outline: 3px solid var(--similar-media-focus, currentColor); outline-offset: 2px; }
    a:focus { outline: none; }
    a:hover .title { text-decoration: underline; }
    .frame { position: relative; aspect-ratio: var(--similar-media-ratio, 4 / 3); background: color-mix(in srgb, currentColor 9%, transparent); }
    img { position: absolute; width: 100%; height: 100%; object-fit: cover; }
    .words { min-height: 3.9em; padding: .65em .8em .8em; line-height: 1.35; }
    .title { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden;
      font-weight: 600; overflow-wrap: anywhere; }
    .location { overflow: hidden; font-size: .875em; text-overflow: ellipsis; white-space: nowrap;
      color: var(--similar-media-muted, color-mix(in srgb, currentColor 80%, transparent)); }
    @container (max-width: 28rem) {
      ul { grid-template-columns: 1fr; }
      li, a { flex-direction: row; }
      .frame { flex: 0 0 38%; align-self: start; }
      .words { flex: 1; min-width: 0; }
    }`);

  const make = (tag, name, ...children) => {
    const element = document.createElement(tag);
    element.className = name;
    element.setAttribute("part", name);
    element.append(...children); // strings become text nodes, never markup
    return element;
  };

  class SimilarMedia extends HTMLElement {
    static observedAttributes = ["media-id", "server", "key", "k", "alpha", "heading", "link", "untitled"];
    #root = this.attachShadow({ mode: "open" });
    #request; // the current or pending request
    #watcher;

    connectedCallback() {
      this.#root.adoptedStyleSheets = [sheet];
      this.#restart();
    }
    disconnectedCallback() {
      this.#stop();
    }
    attributeChangedCallback(_name, before, after) {
      if (before !== after) this.#restart();
    }

    #restart() {
      this.#stop();
      if (this.isConnected && this.getAttribute("media-id")) this.#wait();
      else this.#root.replaceChildren();
    }

    #stop() {
      this.#watcher?.disconnect();
      this.#request?.abort();
      this.#request = undefined;
    }

    // Reserves space, and fetches when the reader comes near: once, even if several attributes change together.
    #wait() {
      const count = Math.min(Math.max(Math.trunc(this.getAttribute("k") ?? 3) || 0, 1), 12);
      this.#show(
        Array.from({ length: count }, () => this.#card(make("span", "title"), "")),
        true,
      );
      this.#watcher = new IntersectionObserver(
        (entries) => {
          if (!entries.some((entry) => entry.isIntersecting)) return;
          this.#watcher.disconnect();
          this.#load();
        },
        { rootMargin: "400px" },
      );
      this.#watcher.observe(this);
    }

    async #load() {
      const request = (this.#request = new AbortController());
      const timer = setTimeout(() => request.abort(), patienceMs);
      try {
        const query = new URLSearchParams({ k: this.getAttribute("k") ?? 3 });
        if (this.getAttribute("alpha")) query.set("alpha", this.getAttribute("alpha"));
        const id = encodeURIComponent(this.getAttribute("media-id"));
        const { results } = await (await this.#get(`media/${id}/similar?${query}`, request)).json();
        if (this.#request !== request) return;
        this.#show(
          results.map((result) => this.#result(result, request)),
          false,
        );
        this.#tell("load", { results });
      } catch (error) {
        if (this.#request !== request) return;
        this.#root.replaceChildren();
        this.#tell("error", { code: error.code ?? "unreachable", status: error.status, message: error.message });
      } finally {
        clearTimeout(timer);
      }
    }

    async #get(path, request) {
      const key = this.getAttribute("key");
      const headers = key ? { Authorization: `Bearer ${key}` } : {};
      const response = await fetch(this.#address(path), { headers, credentials: "omit", signal: request.signal });
      if (response.ok) return response;
      const problem = await response.json().catch(() => ({}));
      const message = problem.detail ?? response.statusText;
      throw Object.assign(new Error(message), { code: `${problem.code ?? "http_error"}`, status: response.status });
    }

    #address(path) {
      return `${(this.getAttribute("server") || home).replace(/\/+$/, "")}/${path.replace(/^\/+/, "")}`;
    }

    #show(cards, busy) {
      if (!cards.length) return this.#root.replaceChildren();
      const heading = this.getAttribute("heading") ?? "Similar pictures";
      const list = make("ul", "list", ...cards);
      list.role = "list";
      const section = make("section", "section", ...(heading ? [make("h2", "heading", heading)] : []), list);
      section.ariaBusy = `${busy}`;
      section.ariaLabel = heading || null;
      this.#root.replaceChildren(section);
    }

    #result({ media_id, title, shown_title, location, caption, thumbnail }, request) {
      const words = title || caption;
      // A place says more to a reader than the name of a file.
      const name = (words && shown_title) || location || shown_title || this.getAttribute("untitled") || "Untitled";
      const image = make("img", "picture");
      Object.assign(image, { width: 320, height: 240, loading: "lazy", decoding: "async" });
      // Do not repeat what is written beside the picture.
      image.alt = caption && caption !== name ? caption : "";
      image.addEventListener("error", () => image.remove());
      this.#fill(image, thumbnail, request);
      const link = this.getAttribute("link")?.replaceAll("{id}", encodeURIComponent(media_id));
      return this.#card(make("span", "title", name), name === location ? "" : location, image, link);
    }

    // An image element cannot send a key.
    async #fill(image, path, request) {
      if (!this.getAttribute("key")) {
        image.src = this.#address(path);
        return;
      }
      try {
        const url = URL.createObjectURL(await (await this.#get(path, request)).blob());
        for (const end of ["load", "error"]) image.addEventListener(end, () => URL.revokeObjectURL(url));
        image.loading = "eager"; // it is loaded already
        image.src = url;
      } catch {
        image.remove();
      }
    }

    #card(title, location, image, link) {
      title.dir = "auto"; // for the ellipsis
      const words = make("div", "words", title, make("div", "location", location ?? ""));
      const parts = [make("div", "frame", ...(image ? [image] : [])), words];
      if (!link) return make("li", "card", ...parts);
      return make("li", "card", Object.assign(make("a", "link", ...parts), { href: link }));
    }

    #tell(what, detail) {
      this.dispatchEvent(new CustomEvent(`similar-media-${what}`, { detail, bubbles: true, composed: true }));
    }
  }

  customElements.define("similar-media", SimilarMedia);
})();
