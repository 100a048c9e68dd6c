"""The demo gallery: a few hundred rendered pictures of two dozen kinds of scene, with words, for trying the product out.

numpy and Pillow only. Everything is a function of seeds; nothing is downloaded.
"""

from __future__ import annotations

from backend.demo.gallery.kinds import KINDS as _SPECS
from backend.demo.gallery.picture import Picture, render_gallery, render_picture
from backend.demo.gallery.vocabulary import QUERIES as KIND_QUERIES
from backend.demo.gallery.writer import write_gallery

KINDS: tuple[str, ...] = tuple(_SPECS)
"""The slugs of all kinds."""

__all__ = ["KINDS", "KIND_QUERIES", "Picture", "render_gallery", "render_picture", "write_gallery"]
