// Nearest points: they are sorted into grid cells once, so that a look-up reads a few cells.
const SIDE = 256;

const cellOf = (value) => Math.min(Math.max(Math.floor(((value + 1) / 2) * SIDE), 0), SIDE - 1);

export class Grid {
  // points: alternating x and y, within -1..1.
  constructor(points) {
    this.points = points;
    const count = points.length / 2;
    const cells = new Uint32Array(count);
    this.starts = new Uint32Array(SIDE * SIDE + 1);
    for (let point = 0; point < count; point += 1) {
      cells[point] = cellOf(points[2 * point + 1]) * SIDE + cellOf(points[2 * point]);
      this.starts[cells[point] + 1] += 1;
    }
    for (let cell = 0; cell < SIDE * SIDE; cell += 1) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.sorted = new Uint32Array(count);
    for (let point = 0; point < count; point += 1) {
      this.sorted[next[cells[point]]] = point;
      next[cells[point]] += 1;
    }
  }

  // Points within `radius` of a position, nearest first.
  within(x, y, radius) {
    const found = [];
    for (let row = cellOf(y - radius); row <= cellOf(y + radius); row += 1) {
      for (let column = cellOf(x - radius); column <= cellOf(x + radius); column += 1) {
        const cell = row * SIDE + column;
        for (let at = this.starts[cell]; at < this.starts[cell + 1]; at += 1) {
          const point = this.sorted[at];
          const away = Math.hypot(this.points[2 * point] - x, this.points[2 * point + 1] - y);
          if (away <= radius) found.push([away, point]);
        }
      }
    }
    return found.sort((one, other) => one[0] - other[0]).map(([, point]) => point);
  }
}
