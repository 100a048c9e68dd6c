"""Splitting of texts that exceed an encoder's window, so that nothing is cut off. Pure: no model, no torch."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.encoders.vectors import Vectors, normalise_rows
from backend.errors import InvalidText

CountTokens: TypeAlias = Callable[[Sequence[str]], Sequence[int]]
"""Returns the number of tokens of each text, without special tokens."""

_WORD = re.compile(r"\s*\S+")


@dataclass(frozen=True)
class Chunk:
    """A part of a text that fits in the window.

    Attributes:
        text: the part.
        tokens: its number of tokens, which is its weight in the average.
    """

    text: str
    tokens: int


def split_text(text: str, count_tokens: CountTokens, limit_tokens: int | None) -> list[Chunk]:
    """Split `text` between words into as few chunks as possible, of about equal size and at most `limit_tokens` each.

    A word is cut only if it exceeds the window on its own, as in a script without spaces. Joined together, the chunks are
    the text without surrounding space. A limit of None means no limit.

    Raises:
        InvalidText: the text is empty or only white space.
    """
    text = text.strip()
    if not text:
        raise InvalidText("An empty text cannot be embedded.", hint="Omit the text, or write some words.")
    tokens = count_tokens([text])[0]
    if limit_tokens is None or tokens <= limit_tokens:
        return [_chunk(text, tokens)]
    words = _WORD.findall(text)
    pieces = [
        piece
        for word, count in zip(words, count_tokens(words), strict=True)
        for piece in _cut_word(Chunk(word, count), count_tokens, limit_tokens)
    ]
    return _pack(pieces, count_tokens, limit_tokens)


def average_chunks(vectors: Vectors, chunks: Sequence[Sequence[Chunk]]) -> Vectors:
    """Average the vectors of chunks, weighted by their tokens, to one unit vector for each text.

    Args:
        vectors: (number of all chunks, dimension) unit rows, in the order of the texts.
        chunks: the chunks of each text.
    """
    ends = np.cumsum([len(parts) for parts in chunks])
    averages = [
        np.average(vectors[end - len(parts) : end].astype(np.float64), axis=0, weights=[part.tokens for part in parts])
        for end, parts in zip(ends, chunks, strict=True)
    ]
    return normalise_rows(np.stack(averages))


def _chunk(text: str, tokens: int) -> Chunk:
    return Chunk(text, max(tokens, 1))  # a text without known tokens still needs a weight


def _cut_word(word: Chunk, count_tokens: CountTokens, limit_tokens: int) -> list[Chunk]:
    """Halve a word until each part fits. A single character is kept, whatever its number of tokens."""
    if word.tokens <= limit_tokens or len(word.text) == 1:
        return [word]
    middle = len(word.text) // 2
    halves = [word.text[:middle], word.text[middle:]]
    return [
        part
        for half, count in zip(halves, count_tokens(halves), strict=True)
        for part in _cut_word(Chunk(half, count), count_tokens, limit_tokens)
    ]


def _pack(pieces: Sequence[Chunk], count_tokens: CountTokens, limit_tokens: int) -> list[Chunk]:
    """Join pieces to chunks. Each piece goes to that of `parts` equal stretches which contains its middle."""
    counts = np.array([piece.tokens for piece in pieces])
    total = int(counts.sum())
    middles = np.cumsum(counts) - counts / 2
    for parts in range(max(-(-total // limit_tokens), 1), len(pieces)):
        places = np.minimum((middles * parts / max(total, 1)).astype(np.int64), parts - 1)
        if np.bincount(places, weights=counts).max() > limit_tokens:
            continue
        texts = _join(pieces, places)
        recounted = count_tokens(texts)  # joined words can have more tokens than separate ones
        if max(recounted) <= limit_tokens:
            return [_chunk(text, tokens) for text, tokens in zip(texts, recounted, strict=True)]
    return [_chunk(piece.text, piece.tokens) for piece in pieces]


def _join(pieces: Sequence[Chunk], places: NDArray[np.int64]) -> list[str]:
    edges = [0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), len(pieces)]
    return ["".join(piece.text for piece in pieces[start:end]) for start, end in pairwise(edges)]
