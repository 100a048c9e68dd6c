"""What an encoder computes with, and how that is written into a fingerprint. Pure."""

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from backend.settings import RuntimeName

IMAGE: Literal["image"] = "image"
TEXT: Literal["text"] = "text"
Side = Literal["image", "text"]

# Raise it when export or quantisation begins to give other vectors: copies made before are then another encoder.
_COPY_VERSION = 1
_MARK = re.compile(rf":runtime=(?P<name>[a-z0-9-]+)\.v{_COPY_VERSION}(?:;full=(?P<full>\d+(?:,\d+)*))?$")


@dataclass(frozen=True)
class Runtime:
    """torch, or ONNX Runtime with the weights as they are or in eight bits.

    Args:
        name: which.
        in_full: of int8, the places of the matrix products that are left in single precision, counted along the graph.
    """

    name: RuntimeName = "torch"
    in_full: tuple[int, ...] = ()

    @property
    def mark(self) -> str:
        """What it adds to the fingerprint of the weights. Nothing for torch, which was there before there were others."""
        if self.name == "torch":
            return ""
        full = f";full={','.join(map(str, self.in_full))}" if self.in_full else ""
        return f":runtime={self.name}.v{_COPY_VERSION}{full}"

    @property
    def title(self) -> str:
        """For people."""
        kept = f" ({len(self.in_full)} products in full)" if self.in_full else ""
        return f"{self.name}{kept}"


@dataclass(frozen=True)
class Runtimes:
    """Those of the two encoders."""

    image: Runtime = Runtime()
    text: Runtime = Runtime()


def split_fingerprint(fingerprint: str) -> tuple[str, Runtime]:
    """The fingerprint of the weights alone, and the runtime behind it."""
    found = _MARK.search(fingerprint)
    if found is None or found["name"] not in get_args(RuntimeName):
        return fingerprint, Runtime()
    in_full = tuple(int(place) for place in found["full"].split(",")) if found["full"] else ()
    return fingerprint[: found.start()], Runtime(cast(RuntimeName, found["name"]), in_full)


def recorded_runtimes(image_fingerprint: str, text_fingerprint: str) -> Runtimes:
    """Those that a space was made with."""
    return Runtimes(split_fingerprint(image_fingerprint)[1], split_fingerprint(text_fingerprint)[1])
