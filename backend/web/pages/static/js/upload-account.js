// Results of a batch: new, already stored and failed files, to copy or save.
import { outcomeOf } from "./upload-queue.js";
import { adviceOn, reasonOf, warningsOn } from "./upload-rows.js";

const SAID = { new: "new", duplicate: "here already", failed: "failed", way: "on the way" };

export function countsOf(items) {
  const counts = { all: items.length, way: 0, new: 0, duplicate: 0, failed: 0 };
  for (const item of items) counts[outcomeOf(item)] += 1;
  return counts;
}

export function sentence({ way, new: fresh, duplicate, failed }) {
  const parts = [`${fresh} new`, `${duplicate} here already`, `${failed} failed`];
  return way ? `${way} on the way · ${parts.join(" · ")}` : parts.join(" · ");
}

// Failures by code, most frequent first: {code, count, reason, names}.
export function reasons(items, advice) {
  const byCode = new Map();
  for (const item of items) {
    if (outcomeOf(item) !== "failed") continue;
    const reason = byCode.get(item.code) ?? {
      code: item.code,
      count: 0,
      advice: adviceOn(item, advice),
      first: reasonOf(item),
    };
    reason.count += 1;
    byCode.set(item.code, reason);
  }
  return [...byCode.values()].sort((a, b) => b.count - a.count);
}

function rows(items, aside, advice) {
  const told = items.map((item) => {
    const failed = outcomeOf(item) === "failed";
    return [
      item.name,
      SAID[outcomeOf(item)],
      item.code ??
        warningsOn(item)
          .map((one) => one.code)
          .join(", "),
      failed
        ? reasonOf(item)
        : warningsOn(item)
            .map((one) => one.detail)
            .join(" "),
      failed ? adviceOn(item, advice) : "",
      item.mediaId ?? "",
      item.group?.label ?? "",
    ];
  });
  return [
    ["name", "outcome", "code", "reason", "what to do", "media", "group"],
    ...told,
    ...aside.map((name) => [name, "left aside", "", "Its name is not that of a picture file.", "", "", ""]),
  ];
}

export function asText(items, aside, advice) {
  return rows(items, aside, advice)
    .map((row) => row.map((cell) => cell.replaceAll(/[\t\n\r]+/g, " ")).join("\t"))
    .join("\n");
}

// CSV as in RFC 4180. A cell that a spreadsheet would read as a formula is made text.
export function asCsv(items, aside, advice) {
  const cell = (value) => `"${(/^[=+\-@\t\r]/.test(value) ? `'${value}` : value).replaceAll('"', '""')}"`;
  return rows(items, aside, advice)
    .map((row) => row.map(cell).join(","))
    .join("\r\n");
}

export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

export function save(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
