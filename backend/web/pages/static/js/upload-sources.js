// Sources of pictures: files, folders with subfolders, the clipboard, lists of addresses.
const BATCH = 200;

export class Sources {
  // extensions: of pictures. Other files in a folder are ignored.
  constructor(extensions) {
    this.extensions = new Set(extensions);
  }

  isPicture(name) {
    return this.extensions.has(name.slice(name.lastIndexOf(".") + 1).toLowerCase()) && !name.startsWith(".");
  }

  // Files of an <input>. Those chosen individually are accepted whatever their name.
  ofInput(input) {
    const taken = { files: [], aside: [] };
    for (const file of input.files) this.sort(taken, file, file.webkitRelativePath);
    return taken;
  }

  // Files of a drop or paste, in batches as folders are read. Items are gone after the event, so there is no await before.
  ofTransfer(transfer) {
    const entries = [...transfer.items]
      .filter((item) => item.kind === "file")
      .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile())
      .filter(Boolean);
    return this.walk(entries);
  }

  async *walk(entries) {
    let taken = { files: [], aside: [] };
    const left = [...entries].reverse();
    while (left.length) {
      const entry = left.pop();
      if (entry instanceof File) this.sort(taken, entry, "");
      else if (entry.isDirectory) left.push(...(await childrenOf(entry)).reverse());
      else await this.read(taken, entry);
      if (taken.files.length + taken.aside.length >= BATCH) {
        yield taken;
        taken = { files: [], aside: [] };
      }
    }
    yield taken;
  }

  async read(taken, entry) {
    const path = entry.fullPath.replace(/^\//, "");
    try {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      this.sort(taken, file, path.includes("/") ? path : "");
    } catch {
      taken.aside.push(path);
    }
  }

  sort(taken, file, path) {
    if (path && !this.isPicture(file.name)) taken.aside.push(path);
    else taken.files.push({ file, name: path || file.name });
  }
}

async function childrenOf(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    // A browser returns a hundred entries at a time.
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (some.length === 0) return all.sort((a, b) => a.name.localeCompare(b.name));
    all.push(...some);
  }
}

export function addressesIn(text) {
  return [...new Set(text.split(/\s+/).filter(Boolean))];
}

export function looksLikeAddresses(text) {
  const lines = addressesIn(text);
  return lines.length > 0 && lines.every((line) => /^https?:\/\//i.test(line));
}
