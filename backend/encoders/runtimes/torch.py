"""torch: full precision, on any device. All other runtimes are measured against it."""

from typing import TYPE_CHECKING

from backend.encoders.presets import EncoderNames
from backend.encoders.runtimes.base import EncoderRuntime
from backend.encoders.runtimes.names import Runtime, Side
from backend.settings import Settings

if TYPE_CHECKING:  # torch takes seconds to import
    from backend.encoders.image import ImageEncoder
    from backend.encoders.text import TextEncoder


class Torch(EncoderRuntime):
    """The runtime that needs no preparation."""

    name = "torch"

    def choose(self, settings: Settings, side: Side, weights: str) -> Runtime:  # noqa: ARG002 - never refused
        return Runtime(self.name)

    def offer(self, settings: Settings, side: Side, weights: str) -> Runtime:
        return self.choose(settings, side, weights)

    def load_image(self, settings: Settings, names: EncoderNames, runtime: Runtime) -> "ImageEncoder":  # noqa: ARG002
        from backend.encoders.image import load_image_encoder  # heavy

        return load_image_encoder(settings, names)

    def load_text(self, settings: Settings, names: EncoderNames, runtime: Runtime) -> "TextEncoder":  # noqa: ARG002
        from backend.encoders.text import load_text_encoder  # heavy

        return load_text_encoder(settings, names)


RUNTIME = Torch()
