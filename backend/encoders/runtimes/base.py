"""What every runtime of the encoders provides, and what those share that compute a copy of the model. Imports nothing heavy."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from backend.encoders.presets import EncoderNames
from backend.encoders.runtimes.copies import Manifest, find_manifest, open_copy
from backend.encoders.runtimes.names import IMAGE, TEXT, Runtime, Side
from backend.encoders.weights import image_fingerprint, text_fingerprint
from backend.settings import RuntimeName, Settings

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor, nn

    from backend.encoders.image import ImageEncoder
    from backend.encoders.text import TextEncoder


class EncoderRuntime(ABC):
    """A runtime: when it is used, how it loads an encoder, and what is said about it."""

    name: ClassVar[RuntimeName]
    """Name in the settings, in fingerprints and in sentences."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Packages beside those of torch whose versions are recorded with a space."""
    why_chosen: ClassVar[str] = ""
    """Why `auto` chose it, as a phrase. Empty for the runtime that is left if no other offers itself."""

    @abstractmethod
    def choose(self, settings: Settings, side: Side, weights: str) -> Runtime:
        """The runtime as an encoder with these weights gets it if the settings name it.

        Raises:
            EncoderUnavailable: it cannot be used here.
        """

    @abstractmethod
    def offer(self, settings: Settings, side: Side, weights: str) -> Runtime | None:
        """Like `choose`, for `auto`. None if it cannot be used here, or only by its name."""

    def why_not(self, settings: Settings) -> str | None:  # noqa: ARG002 - most have no reason
        """Why `auto` did not choose it, as a phrase. None if it is only used by its name."""
        return None

    @abstractmethod
    def load_image(self, settings: Settings, names: EncoderNames, runtime: Runtime) -> "ImageEncoder":
        """Load an image encoder.

        Raises:
            EncoderUnavailable: the model or what the runtime needs of it is missing or damaged.
        """

    @abstractmethod
    def load_text(self, settings: Settings, names: EncoderNames, runtime: Runtime) -> "TextEncoder":
        """Load a text encoder.

        Raises:
            EncoderUnavailable: the model or what the runtime needs of it is missing or damaged.
        """

    def find_fidelity(self, settings: Settings, side: Side, weights: str, runtime: Runtime) -> dict[str, Any] | None:  # noqa: ARG002
        """How near its vectors are to those of torch on this library; None if they are the same or were not measured."""
        return None


@dataclass(frozen=True)
class Network:
    """The part of an encoder that a copy replaces: the tower for pictures, or the transformer of the text model.

    Attributes:
        module: a module in evaluation mode on the CPU, which takes the examples as positional arguments.
        examples: its inputs by name, with at least two rows each.
        axes: names of the axes whose length may vary between calls.
        output: name of its output.
    """

    module: "nn.Module"
    examples: "Mapping[str, Tensor]"
    axes: Mapping[int, str]
    output: str


class CopiedRuntime(EncoderRuntime):
    """A runtime that computes a copy of an encoder's network, which `mediacluster optimize` makes and measures."""

    copy_title: ClassVar[str]
    """What a copy is called in sentences: "No ... copy of the image encoder"."""
    makers: ClassVar[tuple[str, ...]]
    """Packages whose versions are recorded with a copy."""

    @abstractmethod
    def require_tools(self) -> None:
        """Check that the packages that make copies are installed.

        Raises:
            EncoderUnavailable: one is missing.
        """

    @abstractmethod
    def open_tower(self, path: Path) -> "nn.Module":
        """Open a copy of the tower for pictures, as a module that takes pixels."""

    @abstractmethod
    def open_backbone(self, path: Path, config: Any) -> "nn.Module":
        """Open a copy of a transformer with this configuration, as a module with the interface of `transformers`."""

    def describe_copy(self, side: Side, weights: str, runtime: Runtime) -> Manifest:
        """The manifest of a copy that is made now."""
        return Manifest(side, weights, self.name, runtime.in_full, {name: version(name) for name in self.makers})

    def load_image(self, settings: Settings, names: EncoderNames, runtime: Runtime) -> "ImageEncoder":
        from backend.encoders.image import load_image_encoder  # heavy

        path = open_copy(settings, IMAGE, image_fingerprint(names), runtime)
        return load_image_encoder(settings, names, partial(self.open_tower, path))

    def load_text(self, settings: Settings, names: EncoderNames, runtime: Runtime) -> "TextEncoder":
        from backend.encoders.text import load_text_encoder  # heavy

        path = open_copy(settings, TEXT, text_fingerprint(names), runtime)
        return load_text_encoder(settings, names, partial(self.open_backbone, path))

    def find_fidelity(self, settings: Settings, side: Side, weights: str, runtime: Runtime) -> dict[str, Any] | None:
        manifest = find_manifest(settings, side, weights, runtime)
        return manifest.fidelity if manifest else None


class ExportedRuntime(CopiedRuntime):
    """A runtime whose copies are exported from torch in full precision. Other vectors are a fault of the export."""

    @abstractmethod
    def export(self, network: Network, folder: Path) -> None:
        """Write a copy to an empty folder: its model as `copies.MODEL_FILE`.

        Raises:
            EncoderUnavailable: the network cannot be exported.
        """


class DerivedRuntime(CopiedRuntime):
    """A runtime whose copies are made from an exported one and differ from it, so that they are measured before they serve."""

    source: ClassVar[RuntimeName]
    """The runtime whose copy they are made from. It is exported first, wherever `RuntimeName` lists it."""

    @abstractmethod
    def variants(self, source: Path, feeds: Mapping[str, NDArray[Any]]) -> Iterable[Runtime]:
        """The copies to measure, the fastest first.

        Args:
            source: model file of the exported copy.
            feeds: a few real inputs by name.
        """

    @abstractmethod
    def derive(self, source: Path, variant: Runtime, folder: Path) -> None:
        """Write a copy to an empty folder, its model as `copies.MODEL_FILE`, from the model file of the exported one."""
