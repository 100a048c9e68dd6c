"""ONNX Runtime with eight-bit weights that have passed the check on this library's pictures, on the CPU."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from backend.encoders.runtimes.base import DerivedRuntime
from backend.encoders.runtimes.copies import find_passed
from backend.encoders.runtimes.names import Runtime, Side
from backend.encoders.runtimes.onnx.runtime import OnnxRuntime
from backend.errors import EncoderUnavailable
from backend.settings import Settings


class OnnxInt8(OnnxRuntime, DerivedRuntime):
    """The faster runtime. Its vectors differ, so a copy is only used if it was measured and passed."""

    name = "onnx-int8"
    why_chosen = "it passed the check on this library's pictures"
    source = "onnx"
    copy_title = "int8"

    def choose(self, settings: Settings, side: Side, weights: str) -> Runtime:
        self.require_cpu(settings, side)
        passed = find_passed(settings, side, weights, self.name)
        if passed is None:
            raise EncoderUnavailable(
                f"No {self.copy_title} copy of the {side} encoder has passed the check on this library's pictures.",
                hint="Create and measure one with `mediacluster optimize` before the first picture is embedded.",
            )
        return passed.as_runtime

    def offer(self, settings: Settings, side: Side, weights: str) -> Runtime | None:
        if settings.device != "cpu" or not self.is_installed():
            return None
        passed = find_passed(settings, side, weights, self.name)
        return passed.as_runtime if passed else None

    def why_not(self, settings: Settings) -> str:
        if settings.device != "cpu":
            return f"the device is {settings.device}"
        missing = "" if self.is_installed() else ", and ONNX Runtime is not installed (extra `onnx`)"
        return (
            f"no {self.copy_title} copy has passed on this library's pictures{missing}; "
            "`mediacluster optimize` makes and measures one"
        )

    def variants(self, source: Path, feeds: Mapping[str, NDArray[Any]]) -> Iterator[Runtime]:
        from backend.encoders.runtimes.onnx.export import recipes  # heavy

        for in_full in recipes(source, feeds):
            yield Runtime(self.name, in_full)

    def derive(self, source: Path, variant: Runtime, folder: Path) -> None:
        from backend.encoders.runtimes.onnx.export import quantise  # heavy

        quantise(source, folder, variant.in_full)


RUNTIME = OnnxInt8()
