"""ONNX Runtime with the original weights: full precision, on the CPU."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.encoders.runtimes.base import CopiedRuntime, ExportedRuntime, Network
from backend.encoders.runtimes.names import Runtime, Side
from backend.errors import EncoderUnavailable
from backend.settings import Settings

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import nn


class OnnxRuntime(CopiedRuntime):
    """What all runtimes have in common that compute in ONNX Runtime."""

    libraries = ("onnxruntime",)
    makers = ("torch", "onnx", "onnxscript", "onnxruntime")

    def require_tools(self) -> None:
        from backend.encoders.runtimes.onnx.export import require_onnx  # heavy

        require_onnx()

    def open_tower(self, path: Path) -> "nn.Module":
        from backend.encoders.runtimes.onnx.module import OnnxTower  # heavy

        return OnnxTower(path)

    def open_backbone(self, path: Path, config: Any) -> "nn.Module":
        from backend.encoders.runtimes.onnx.module import OnnxBackbone  # heavy

        return OnnxBackbone(path, config)

    @staticmethod
    def is_installed() -> bool:
        """Whether the package that computes is installed. The packages that make copies are not needed for that."""
        return find_spec("onnxruntime") is not None

    @staticmethod
    def require_cpu(settings: Settings, side: Side) -> None:
        """Refuse other devices.

        Raises:
            EncoderUnavailable: the settings name a device other than the CPU.
        """
        if settings.device != "cpu":
            raise EncoderUnavailable(
                f"ONNX Runtime runs on the CPU only, but MEDIACLUSTER_DEVICE is {settings.device}.",
                hint=f"Set MEDIACLUSTER_{side.upper()}_RUNTIME=torch, or MEDIACLUSTER_DEVICE=cpu.",
            )


class Onnx(OnnxRuntime, ExportedRuntime):
    """ONNX Runtime with the original weights. It is only used by its name."""

    name = "onnx"
    copy_title = "ONNX"

    def choose(self, settings: Settings, side: Side, weights: str) -> Runtime:  # noqa: ARG002 - the same for all weights
        self.require_cpu(settings, side)
        return Runtime(self.name)

    def offer(self, settings: Settings, side: Side, weights: str) -> None:
        """Never: it is as exact as torch, and not reliably faster."""

    def export(self, network: Network, folder: Path) -> None:
        from backend.encoders.runtimes.onnx.export import export_module  # heavy

        export_module(network.module, network.examples, network.axes, folder, output=network.output)


RUNTIME = Onnx()
