// Fused order of candidates: alpha * image + (1 - alpha) * text. A missing side adds nothing. Ties as in SQL.
export const combined = (hit, alpha) => alpha * (hit.image ?? 0) + (1 - alpha) * (hit.text ?? 0);

export function rank(hits, alpha) {
  return [...hits].sort(
    (a, b) => combined(b, alpha) - combined(a, alpha) || (b.image ?? -1) - (a.image ?? -1) || (a.id < b.id ? -1 : 1),
  );
}

export const figure = (value) => (value === null ? "–" : value.toFixed(3).replace("-0.000", "0.000"));
export const barWidth = (value) => String(100 * Math.max(0, value ?? 0));
