"""Headers of every page that people open in a browser: nothing is loaded from elsewhere, and no other site frames it."""

from typing import Final

# blob: is for pictures dropped for a search, which are shown from the browser's memory.
PAGE_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
