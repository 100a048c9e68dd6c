"""The two texts that represent a picture for the encoders, and their vectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.encoders import Encoders, Vectors, require_unit_vectors
from backend.files.text import MediaText, embedding_text
from backend.store.schema import Space

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Wording:
    """Texts of a picture: `words` for the text encoder, `caption` for the image encoder's text tower. Empty if there is no text."""

    words: str
    caption: str

    @classmethod
    def of(cls, text: MediaText, ocr_text: str) -> "Wording":
        """The caption is what describes the picture itself: the caption, else the title, else the keywords. Words read
        out of the picture stand in where nobody said anything."""
        caption = " ".join(text.caption.split())  # lines are for readers
        return cls(embedding_text(text) or ocr_text, caption or text.title or ", ".join(text.keywords) or ocr_text)


def encode_wordings(
    encoders: Encoders, space: Space, wordings: Sequence[Wording]
) -> list[tuple[Vector | None, Vector | None]]:
    """The text vector (d_text,) and the caption vector (d_image,) of each. None for an empty text."""
    texts = _encode_spoken([one.words for one in wordings], encoders.text.embed_texts, space.text_dimension)
    captions = _encode_spoken([one.caption for one in wordings], encoders.image.embed_words, space.image_dimension)
    return list(zip(texts, captions, strict=True))


def _encode_spoken(texts: list[str], encode: Callable[[list[str]], Vectors], dimension: int) -> list[Vector | None]:
    spoken = [position for position, text in enumerate(texts) if text]
    vectors: list[Vector | None] = [None] * len(texts)
    if spoken:
        encoded = require_unit_vectors(encode([texts[position] for position in spoken]), dimension)
        for position, vector in zip(spoken, encoded, strict=True):
            vectors[position] = vector
    return vectors
