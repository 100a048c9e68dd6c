"""Names of runtimes, and their marks in fingerprints."""

import re
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from backend.settings import RuntimeName

IMAGE: Literal["image"] = "image"
TEXT: Literal["text"] = "text"
Side = Literal["image", "text"]

PLAIN: Final[RuntimeName] = "torch"
"""The oldest runtime, in full precision: fingerprints have no mark for it, and others are measured against it."""

# Increase it when export or quantisation changes the vectors. Older copies then count as a different encoder.
_COPY_VERSION = 1
_MARK = re.compile(rf":runtime=(?P<name>[a-z0-9-]+)\.v{_COPY_VERSION}(?:;full=(?P<full>\d+(?:,\d+)*))?$")


@dataclass(frozen=True)
class Runtime:
    """A runtime as a fingerprint records it. What it does is in `EncoderRuntime`.

    Attributes:
        name: name of the runtime.
        in_full: for int8, the matrix products that stay in single precision, as positions along the graph.
    """

    name: RuntimeName = PLAIN
    in_full: tuple[int, ...] = ()

    @property
    def mark(self) -> str:
        """The suffix that it adds to the fingerprint of the weights. Empty for torch."""
        if self.name == PLAIN:
            return ""
        full = f";full={','.join(map(str, self.in_full))}" if self.in_full else ""
        return f":runtime={self.name}.v{_COPY_VERSION}{full}"

    @property
    def title(self) -> str:
        """The name for display."""
        kept = f" ({len(self.in_full)} products in full)" if self.in_full else ""
        return f"{self.name}{kept}"


@dataclass(frozen=True)
class Runtimes:
    """The runtimes of the two encoders.

    Attributes:
        image: runtime of the image encoder.
        text: runtime of the text encoder.
    """

    image: Runtime = Runtime()
    text: Runtime = Runtime()


def split_fingerprint(fingerprint: str) -> tuple[str, Runtime]:
    """Split a fingerprint into that of the weights and the runtime."""
    found = _MARK.search(fingerprint)
    if found is None or found["name"] not in get_args(RuntimeName):
        return fingerprint, Runtime()
    in_full = tuple(int(index) for index in found["full"].split(",")) if found["full"] else ()
    return fingerprint[: found.start()], Runtime(cast(RuntimeName, found["name"]), in_full)


def recorded_runtimes(image_fingerprint: str, text_fingerprint: str) -> Runtimes:
    """The runtimes that a space was created with."""
    return Runtimes(split_fingerprint(image_fingerprint)[1], split_fingerprint(text_fingerprint)[1])
