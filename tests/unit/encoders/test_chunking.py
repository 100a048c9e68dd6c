from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.encoders import normalise_rows
from backend.encoders.chunking import Chunk, average_chunks, split_text
from backend.errors import InvalidText


def count_characters(texts: Sequence[str]) -> list[int]:
    """One token for each character that is not white space."""
    return [len("".join(text.split())) for text in texts]


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def count_joined_dearer(texts: Sequence[str]) -> list[int]:
    """Words together make more tokens than each alone, as with byte-level tokenizers."""
    return [len(text.split()) + (2 if len(text.split()) > 1 else 0) for text in texts]


def test_split_text__fits() -> None:
    assert split_text(" a short text ", count_words, 3) == [Chunk("a short text", 3)]


def test_split_text__no_limit() -> None:
    assert len(split_text("word " * 5000, count_words, None)) == 1


def test_split_text__one_token_over_is_split_in_even_parts() -> None:
    chunks = split_text("word " * 101, count_words, 100)

    assert sorted(chunk.tokens for chunk in chunks) == [50, 51]


def test_split_text__does_not_cut_words() -> None:
    text = "one three fifteen twenty-one forty-five"

    chunks = split_text(text, count_characters, 16)

    assert [word for chunk in chunks for word in chunk.text.split()] == text.split()


def test_split_text__cuts_what_has_no_spaces() -> None:
    chunks = split_text("字" * 250, count_characters, 100)

    assert "".join(chunk.text for chunk in chunks) == "字" * 250
    assert all(chunk.tokens <= 100 for chunk in chunks)


def test_split_text__counts_chunks_as_the_model_will() -> None:
    chunks = split_text("word " * 40, count_joined_dearer, 10)

    assert all(count_joined_dearer([chunk.text]) == [chunk.tokens] for chunk in chunks)
    assert max(chunk.tokens for chunk in chunks) <= 10


def test_split_text__signs_without_tokens_still_weigh() -> None:
    assert split_text("\u200b\u200b", lambda texts: [0] * len(texts), 5) == [Chunk("\u200b\u200b", 1)]


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_split_text__empty(text: str) -> None:
    with pytest.raises(InvalidText):
        split_text(text, count_words, 10)


@given(st.text(min_size=1, max_size=300).filter(str.strip), st.integers(1, 40))
def test_split_text__loses_nothing_and_fits(text: str, limit_tokens: int) -> None:
    chunks = split_text(text, count_characters, limit_tokens)

    assert "".join(chunk.text for chunk in chunks) == text.strip()
    assert all(1 <= chunk.tokens <= limit_tokens for chunk in chunks)


def test_average_chunks__weighted_by_tokens() -> None:
    vectors = normalise_rows([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    chunks = [[Chunk("a", 3), Chunk("b", 1)], [Chunk("c", 7)]]

    averaged = average_chunks(vectors, chunks)

    np.testing.assert_allclose(averaged, normalise_rows([[3.0, 1.0], [0.0, 1.0]]), atol=1e-7)
