// Navigation in a wall: j and k by order, arrows by position. Works on [data-item] elements in [data-wall].
const items = () => [...document.querySelectorAll("[data-wall] [data-item]")];

// Returns whether the key was used.
export function moveInWall(key) {
  return moveAmong(items(), key);
}

export function moveAmong(all, key) {
  if (all.length === 0) return false;
  const current = all.indexOf(document.activeElement.closest?.("[data-item], button"));
  const next = current < 0 ? firstVisible(all) : target(all, current, key);
  if (next === undefined) return current >= 0;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function firstVisible(all) {
  return all.find((item) => item.getBoundingClientRect().bottom > 80) ?? all[0];
}

function target(all, current, key) {
  if (key === "j" || key === "ArrowRight") return all[current + 1];
  if (key === "k" || key === "ArrowLeft") return all[current - 1];
  return nearestInNextRow(all, current, key === "ArrowDown" ? 1 : -1);
}

function nearestInNextRow(all, current, direction) {
  const from = all[current].getBoundingClientRect();
  const centre = from.left + from.width / 2;
  let best;
  let bestPlace;
  for (let index = current + direction; all[index]; index += direction) {
    const box = all[index].getBoundingClientRect();
    const rowsApart = direction * (box.top - from.top);
    if (rowsApart < 8) continue;
    if (bestPlace && Math.abs(box.top - bestPlace.top) > 8) break;
    const distance = Math.abs(box.left + box.width / 2 - centre);
    if (!bestPlace || distance < bestPlace.distance) {
      bestPlace = { top: box.top, distance };
      best = all[index];
    }
  }
  return best;
}
