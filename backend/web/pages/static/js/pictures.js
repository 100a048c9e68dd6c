// Placeholder for missing pictures: those imported as vectors, or whose file is lost.
const NONE = new URL("../no-picture.svg", import.meta.url).href;

// Without src, show the placeholder.
export function showPicture(image, src) {
  image.classList.toggle("is-missing", !src);
  image.src = src || NONE;
}

export function installPictures() {
  document.addEventListener("error", (event) => stand(event.target), true);
  // Some may have failed before this listener was added.
  for (const image of document.images) {
    if (image.complete && image.naturalWidth === 0 && image.currentSrc) image.decode().catch(() => stand(image));
  }
}

function stand(image) {
  if (image instanceof HTMLImageElement && image.hasAttribute("src") && image.src !== NONE) showPicture(image, null);
}
