"""A vocabulary of everyday things, embedded by the text tower of a space's image encoder."""

import hashlib
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.encoders import Encoders, load_encoders, normalise_rows
from backend.features.services import Services
from backend.rules.naming import terms
from backend.store.schema import Space

logger = logging.getLogger(__name__)

_FILE = Path(terms.__file__).parent / "vocabulary.txt"
# CLIP (Radford et al., 2021): the average over prompts is nearer to pictures than a bare word.
_PROMPTS = ("{}", "a photo of {}")


@dataclass(frozen=True)
class Vocabulary:
    """Words, and their unit vectors (n, d)."""

    words: Sequence[str]
    vectors: NDArray[np.float32]


@cache
def vocabulary_words() -> tuple[str, ...]:
    """Names of things and scenes in photographs."""
    return tuple(terms.read_list(_FILE, ","))


def open_vocabulary(services: Services, space: Space) -> Vocabulary:
    """The vocabulary embedded in a space, cached in the library's home.

    Raises:
        SpaceMismatch: the configured encoders do not belong to the space.
        EncoderUnavailable: the image encoder cannot be loaded, and nothing is cached.
    """
    encoders = services.encoders_of(space)
    words = vocabulary_words()
    file = services.settings.home_path / "cache" / f"vocabulary-{_checksum(space.image_fingerprint, words)}.npy"
    vectors = _read(file, (len(words), space.image_dimension))
    if vectors is None:
        vectors = _embed(services, encoders, words)
        _write(file, vectors)
    return Vocabulary(words, vectors)


def _embed(services: Services, encoders: Encoders, words: Sequence[str]) -> NDArray[np.float32]:
    if not encoders.loaded:
        # A worker without encoders should not keep a model in memory for a page of words.
        encoders = load_encoders(services.settings, encoders.names, runtimes=encoders.runtimes)
    encoder = encoders.image
    total = np.sum([encoder.embed_words([prompt.format(word) for word in words]) for prompt in _PROMPTS], axis=0)
    return normalise_rows(total)


def _checksum(fingerprint: str, words: Sequence[str]) -> str:
    return hashlib.sha256("\n".join([fingerprint, *_PROMPTS, *words]).encode()).hexdigest()[:24]


def _read(file: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    try:
        vectors = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return vectors if vectors.shape == shape else None


def _write(file: Path, vectors: NDArray[np.float32]) -> None:
    """Write the file atomically. Failures are ignored: without the cache, only time is lost."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=file.parent, suffix=".part")
        with os.fdopen(descriptor, "wb") as stream:
            np.save(stream, vectors, allow_pickle=False)
        Path(draft).replace(file)
    except OSError as error:
        logger.warning("The vocabulary cannot be kept in %s: %s", file.parent, error)
