"""Choice of the runtime of an encoder, and its explanation. Imports nothing heavy."""

from backend.encoders.presets import EncoderNames
from backend.encoders.runtimes.names import IMAGE, TEXT, Runtime, Runtimes, Side, split_fingerprint
from backend.encoders.runtimes.registry import find_runtime, list_runtimes
from backend.encoders.weights import image_fingerprint, text_fingerprint
from backend.settings import RuntimeChoice, Settings


def choose_runtimes(settings: Settings, names: EncoderNames, recorded: tuple[str, str] | None = None) -> Runtimes:
    """Choose the runtimes of these encoders. `recorded` are the fingerprints (image, text) of their space.

    `auto` never changes the runtime that a space was created with. If there is no space with these weights, it chooses the
    runtime that is preferred among those that offer themselves: int8 if a copy has passed the check on this library's
    pictures, and torch otherwise.

    Raises:
        EncoderUnavailable: the settings name a runtime that is not prepared here, or a model's files are missing.
    """
    image, text = recorded or ("", "")
    return Runtimes(
        _choose(settings, IMAGE, settings.image_runtime, image_fingerprint(names), image),
        _choose(settings, TEXT, settings.text_runtime, text_fingerprint(names), text),
    )


def has_set_runtimes(settings: Settings) -> bool:
    """Whether the settings name a runtime. If not, the runtimes follow the space."""
    return not settings.image_runtime == settings.text_runtime == "auto"


def _choose(settings: Settings, side: Side, choice: RuntimeChoice, weights: str, recorded: str) -> Runtime:
    known_weights, known = split_fingerprint(recorded)
    if known_weights == weights and choice in {"auto", known.name}:
        return known
    if choice != "auto":
        return find_runtime(choice).choose(settings, side, weights)
    offers = (runtime.offer(settings, side, weights) for runtime in reversed(list_runtimes()))
    return next(offer for offer in offers if offer)


def explain(settings: Settings, side: Side, runtime: Runtime, *, has_space: bool) -> str:
    """The reason why an encoder has this runtime, as a phrase."""
    choice = settings.image_runtime if side == IMAGE else settings.text_runtime
    if choice != "auto":
        return "as configured"
    if has_space:
        return "as the space was created with"
    reasons = [reason for other in list_runtimes() if (reason := other.why_not(settings))]
    return f"auto: {find_runtime(runtime.name).why_chosen or '; '.join(reasons)}"
