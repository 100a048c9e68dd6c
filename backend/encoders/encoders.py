"""The pair of encoders of one space. The models are loaded on first use."""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from backend.encoders.choice import choose_runtimes
from backend.encoders.presets import PRESETS, EncoderNames, find_preset
from backend.encoders.runtimes.names import IMAGE, TEXT, Runtimes
from backend.encoders.runtimes.registry import find_runtime
from backend.encoders.weights import HF_HUB, image_checksum, image_fingerprint, text_checksum, text_fingerprint
from backend.settings import PresetName, Settings

if TYPE_CHECKING:  # torch and the models take seconds to import; the API and the command line start without them
    from backend.encoders.image import ImageEncoder
    from backend.encoders.openclip import ImageModelConfig
    from backend.encoders.text import TextEncoder

_LIBRARIES = ("torch", "open_clip_torch", "sentence-transformers", "transformers")

T = TypeVar("T")


@dataclass(frozen=True)
class EncoderDescription:
    """The description of encoders that is stored with a space, so that no vectors of others are added to it. JSON-safe.

    Two spaces are comparable if both fingerprints and `preprocessing` are equal. The other fields are informative.

    Attributes:
        preset: the preset that names these encoders, None if there is none.
        names: names of the models.
        image_fingerprint: identity of the image encoder's weights and runtime.
        text_fingerprint: identity of the text encoder's weights and runtime.
        image_checksum: checksum of the image model's local file, None if it comes from the hub.
        text_checksum: checksum of the text model's local files, None if they come from the hub.
        image_dimension: dimension of image vectors.
        text_dimension: dimension of text vectors.
        preprocessing: preprocessing of pictures.
        runtime: versions of the libraries.
        runtimes: the runtime of each side.
        fidelity: for each side with a measured copy, how near its vectors are to those of torch on this library.
    """

    preset: PresetName | None
    names: EncoderNames
    image_fingerprint: str
    text_fingerprint: str
    image_checksum: str | None
    text_checksum: str | None
    image_dimension: int
    text_dimension: int
    preprocessing: dict[str, Any]
    runtime: dict[str, str]
    runtimes: dict[str, str]
    fidelity: dict[str, Any]


class Lazy(Generic[T]):
    """A value that is made once, on first use. Thread-safe. A failure is not cached: the next call tries again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._making = threading.Lock()

    @property
    def made(self) -> bool:
        return bool(self._made)

    def get(self) -> T:
        if not self._made:
            with self._making:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]


class Encoders:
    """An image and a text encoder. Creating it is cheap; torch is imported when a model is first used.

    Use the models only after a fork, never before.
    """

    def __init__(self, settings: Settings, names: EncoderNames, runtimes: Callable[[], Runtimes]) -> None:
        self.names = names
        self._settings = settings
        self._choose_runtimes = runtimes
        self._image = Lazy(self._load_image)
        self._text = Lazy(self._load_text)

    @property
    def image(self) -> "ImageEncoder":
        """The image encoder. Loads it on first use.

        Raises:
            EncoderUnavailable: it cannot be loaded.
        """
        return self._image.get()

    @property
    def text(self) -> "TextEncoder":
        """The text encoder. Loads it on first use.

        Raises:
            EncoderUnavailable: it cannot be loaded.
        """
        return self._text.get()

    @property
    def loaded(self) -> bool:
        """Whether both models are in memory."""
        return self._image.made and self._text.made

    @cached_property
    def runtimes(self) -> Runtimes:
        """The runtimes of both encoders.

        Raises:
            EncoderUnavailable: the settings name a runtime that is not prepared.
        """
        return self._choose_runtimes()

    @cached_property
    def image_fingerprint(self) -> str:
        """`weights.image_fingerprint` plus the mark of the runtime. Imports nothing heavy."""
        return image_fingerprint(self.names) + self.runtimes.image.mark

    @cached_property
    def text_fingerprint(self) -> str:
        """`weights.text_fingerprint` plus the mark of the runtime. Imports nothing heavy."""
        return text_fingerprint(self.names) + self.runtimes.text.mark

    def load(self) -> None:
        """Load both models now, ahead of their first use.

        Raises:
            EncoderUnavailable: one of them cannot be loaded.
        """
        with _collector_paused():
            self._image.get()
            self._text.get()

    def describe(self) -> EncoderDescription:
        """Describe the pair from its configuration. Loads a model only if its configuration is not available otherwise.

        Raises:
            EncoderUnavailable: the names, tags or paths do not name encoders.
        """
        config = self._image_config()
        preset = find_preset(self.names)
        return EncoderDescription(
            preset=preset.name if preset else None,
            names=self.names,
            image_fingerprint=self.image_fingerprint,
            text_fingerprint=self.text_fingerprint,
            image_checksum=image_checksum(self.names),
            text_checksum=text_checksum(self.names),
            image_dimension=config.dimension,
            text_dimension=self._text_dimension(),
            preprocessing=config.preprocessing,
            runtime={name: version(name) for name in (*_LIBRARIES, *self._runtime_libraries())},
            runtimes={IMAGE: self.runtimes.image.title, TEXT: self.runtimes.text.title},
            fidelity=self._fidelity(),
        )

    def _image_config(self) -> "ImageModelConfig":
        with _collector_paused():
            from backend.encoders.openclip import read_image_config  # heavy

        return self.image.config if self.names.image_model.startswith(HF_HUB) else read_image_config(self.names)

    def _text_dimension(self) -> int:
        declared = {preset.text_model: preset.text_dimension for preset in PRESETS.values()}
        return declared.get(self.names.text_model) or self.text.dimension

    def _load_image(self) -> "ImageEncoder":
        chosen = self.runtimes.image
        with _collector_paused():
            return find_runtime(chosen.name).load_image(self._settings, self.names, chosen)

    def _load_text(self) -> "TextEncoder":
        chosen = self.runtimes.text
        with _collector_paused():
            return find_runtime(chosen.name).load_text(self._settings, self.names, chosen)

    def _runtime_libraries(self) -> list[str]:
        image, text = find_runtime(self.runtimes.image.name), find_runtime(self.runtimes.text.name)
        return list(dict.fromkeys((*image.libraries, *text.libraries)))

    def _fidelity(self) -> dict[str, Any]:
        sides = (
            (IMAGE, image_fingerprint(self.names), self.runtimes.image),
            (TEXT, text_fingerprint(self.names), self.runtimes.text),
        )
        found = {
            side: find_runtime(runtime.name).find_fidelity(self._settings, side, weights, runtime)
            for side, weights, runtime in sides
        }
        return {side: fidelity for side, fidelity in found.items() if fidelity}


def load_encoders(
    settings: Settings,
    names: EncoderNames,
    *,
    recorded: tuple[str, str] | None = None,
    runtimes: Runtimes | None = None,
) -> Encoders:
    """The encoders with these names. The models are loaded on first use.

    Args:
        settings: settings of the models and their runtimes.
        names: names of the models.
        recorded: the fingerprints (image, text) of a space. Its runtimes are used if the settings name none.
        runtimes: runtimes that override the settings.
    """
    return Encoders(settings, names, lambda: runtimes or choose_runtimes(settings, names, recorded))


def configure_torch(threads: int | None) -> None:
    """Set the number of threads of torch in this process; None keeps torch's default. Call it after the fork."""
    with _collector_paused():
        import torch  # heavy

    if threads is not None:
        torch.set_num_threads(threads)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the collector of garbage while torch and the models are imported and loaded.

    They make a million objects that stay. Walking them again and again would take a quarter of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            # Into the oldest generation at once, so that the next young collections do not walk them, for a third of a second.
            gc.freeze()
            gc.unfreeze()
            gc.enable()
