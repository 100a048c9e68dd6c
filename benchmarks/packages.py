# ruff: noqa: INP001 - scripts, not a package
"""Vectors of real words: names and descriptions of Debian's packages by MiniLM, where apt is there.

Generated vectors are kinder than real ones, in which a few dimensions say less.
"""

import shutil
import subprocess

import numpy as np
from numpy.typing import NDArray

from benchmarks.vectors import SPARE, Vectors

_BATCH = 256


class PackagesMissing(Exception):
    """There is no apt, it has no lists, or they are too short."""


def make_package_vectors(count: int) -> Vectors:
    """The `images` are names and sections, the texts are descriptions, 384 dimensions each. Encodes some hundred a second.

    Raises:
        PackagesMissing: see there.
    """
    named = _read_packages()
    if len(named) < count + SPARE:
        raise PackagesMissing(f"apt-cache lists {len(named)} packages, and {count + SPARE} are needed.")
    chosen = [named[row] for row in np.random.default_rng(7).permutation(len(named))[: count + SPARE]]
    names, descriptions = (_encode([one[side] for one in chosen]) for side in (0, 1))
    return Vectors(names[:count], descriptions[:count], names[count:], descriptions[count:])


def _read_packages() -> list[tuple[str, str]]:
    """Name with section, and description, of each package; those with the same description once."""
    apt = shutil.which("apt-cache")
    if apt is None:
        raise PackagesMissing("apt-cache is not installed.")
    listed = subprocess.run([apt, "dumpavail"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - no input
    found: dict[str, str] = {}
    for block in listed.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if {"Package", "Section", "Description"} <= fields.keys():
            found.setdefault(fields["Description"], f"{fields['Package'].replace('-', ' ')}, {fields['Section']}")
    return [(name, description) for description, name in found.items()]


def _encode(texts: list[str]) -> NDArray[np.float32]:
    from sentence_transformers import SentenceTransformer

    from backend.encoders import PRESETS

    model = SentenceTransformer(PRESETS["demo"].text_model, device="cpu")
    vectors: NDArray[np.float32] = model.encode(
        texts, batch_size=_BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
    )
    return vectors
