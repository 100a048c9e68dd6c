"""The pair of encoders of one space: named at once, loaded when first used."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from backend.embedding.presets import PRESETS, EncoderNames, find_preset
from backend.embedding.weights import HF_HUB, image_checksum, image_fingerprint, text_checksum, text_fingerprint
from backend.settings import PresetName, Settings

if TYPE_CHECKING:  # torch and the models take seconds to import; the API and the command line start without them
    from backend.embedding.image import ImageEncoder
    from backend.embedding.openclip import ImageModelConfig
    from backend.embedding.text import TextEncoder

_RUNTIMES = ("torch", "open_clip_torch", "sentence-transformers", "transformers")

T = TypeVar("T")


@dataclass(frozen=True)
class EncoderDescription:
    """What is recorded with a space, so that vectors of other encoders never get into it. JSON-safe.

    Two spaces are comparable if both fingerprints and `preprocessing` are equal; `runtime` and `names` are for people.
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


class Lazy(Generic[T]):
    """A value made once, at its first use, by whichever thread comes first. A failure is not kept: the next tries."""

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
    """An image and a text encoder. Making one is cheap; torch is imported when a model is first used.

    Use the models after a fork, never before it.
    """

    def __init__(self, settings: Settings, names: EncoderNames) -> None:
        self.names = names
        self._settings = settings
        self._image = Lazy(self._load_image)
        self._text = Lazy(self._load_text)

    @property
    def image(self) -> "ImageEncoder":
        """The image encoder, loaded now if it is not yet.

        Raises:
            EncoderUnavailable: it cannot be loaded.
        """
        return self._image.get()

    @property
    def text(self) -> "TextEncoder":
        """The text encoder, loaded now if it is not yet.

        Raises:
            EncoderUnavailable: it cannot be loaded.
        """
        return self._text.get()

    @property
    def loaded(self) -> bool:
        """Whether both models are in memory."""
        return self._image.made and self._text.made

    @cached_property
    def image_fingerprint(self) -> str:
        """See `weights.image_fingerprint`; imports nothing heavy."""
        return image_fingerprint(self.names)

    @cached_property
    def text_fingerprint(self) -> str:
        """See `weights.text_fingerprint`; imports nothing heavy."""
        return text_fingerprint(self.names)

    def load(self) -> None:
        """Load both models now, in a worker that is about to need them.

        Raises:
            EncoderUnavailable: one of them cannot be loaded.
        """
        self._image.get()
        self._text.get()

    def describe(self) -> EncoderDescription:
        """Describe the pair from its configuration; only a model that has none at hand is loaded for it.

        Raises:
            EncoderUnavailable: the names, tags or paths do not lead to encoders.
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
            runtime={name: version(name) for name in _RUNTIMES},
        )

    def _image_config(self) -> "ImageModelConfig":
        from backend.embedding.openclip import read_image_config  # heavy

        return self.image.config if self.names.image_model.startswith(HF_HUB) else read_image_config(self.names)

    def _text_dimension(self) -> int:
        declared = {preset.text_model: preset.text_dimension for preset in PRESETS.values()}
        return declared.get(self.names.text_model) or self.text.dimension

    def _load_image(self) -> "ImageEncoder":
        from backend.embedding.image import load_image_encoder  # heavy

        return load_image_encoder(self._settings, self.names)

    def _load_text(self) -> "TextEncoder":
        from backend.embedding.text import load_text_encoder  # heavy

        return load_text_encoder(self._settings, self.names)


def load_encoders(settings: Settings, names: EncoderNames) -> Encoders:
    """The encoders of these names; the models themselves are loaded when first used."""
    return Encoders(settings, names)


def configure_torch(threads: int | None) -> None:
    """Set how many threads torch computes with in this process; None leaves it at all cores. Call after the fork."""
    import torch  # heavy

    if threads is not None:
        torch.set_num_threads(threads)
