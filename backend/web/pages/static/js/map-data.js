// Parses the points as packed by the server: a JSON head, then positions, indexes and groups as arrays.
import { Grid } from "./map-grid.js";

export async function fetchMap(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status}`);
  const buffer = await response.arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const { count, groups } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const begin = 4 + length;
  const points = new Float32Array(buffer, begin, 2 * count);
  return {
    points,
    numbers: new Uint32Array(buffer, begin + 8 * count, count),
    groupOf: new Uint32Array(buffer, begin + 12 * count, count),
    groups: groups.map(([id, label, size], row) => ({ row, id, label: label || `Group ${id}`, size })),
    grid: new Grid(points),
  };
}
