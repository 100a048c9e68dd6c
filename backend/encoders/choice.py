"""Choice of the runtime of an encoder, and its explanation. Imports nothing heavy."""

from importlib.util import find_spec

from backend.encoders.presets import EncoderNames
from backend.encoders.runtimes.names import IMAGE, TEXT, Runtime, Runtimes, Side, split_fingerprint
from backend.encoders.runtimes.onnx.copies import find_passed
from backend.encoders.weights import image_fingerprint, text_fingerprint
from backend.errors import EncoderUnavailable
from backend.settings import RuntimeChoice, Settings


def choose_runtimes(settings: Settings, names: EncoderNames, recorded: tuple[str, str] | None = None) -> Runtimes:
    """Choose the runtimes of these encoders. `recorded` are the fingerprints (image, text) of their space.

    `auto` never changes the runtime that a space was created with. If there is no space with these weights, it chooses int8 if
    a copy has passed the check on this library's pictures, and torch otherwise.

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
    if choice == "torch":
        return Runtime()
    if settings.device != "cpu":
        if choice == "auto":
            return Runtime()
        raise EncoderUnavailable(
            f"ONNX Runtime runs on the CPU only, but MEDIACLUSTER_DEVICE is {settings.device}.",
            hint=f"Set MEDIACLUSTER_{side.upper()}_RUNTIME=torch, or MEDIACLUSTER_DEVICE=cpu.",
        )
    if choice == "onnx":
        return Runtime("onnx")
    passed = find_passed(settings, side, weights, "onnx-int8")
    if passed is not None and (choice != "auto" or find_spec("onnxruntime")):
        return passed.as_runtime
    if choice == "auto":
        return Runtime()
    raise EncoderUnavailable(
        f"No int8 copy of the {side} encoder has passed the check on this library's pictures.",
        hint="Create and measure one with `mediacluster optimize` before the first picture is embedded.",
    )


def explain(settings: Settings, side: Side, runtime: Runtime, *, has_space: bool) -> str:
    """The reason why an encoder has this runtime, as a phrase."""
    choice = settings.image_runtime if side == IMAGE else settings.text_runtime
    if choice != "auto":
        return "as configured"
    if has_space:
        return "as the space was created with"
    if runtime.name != "torch":
        return "auto: it passed the check on this library's pictures"
    if settings.device != "cpu":
        return f"auto: the device is {settings.device}"
    missing = "" if find_spec("onnxruntime") else ", and ONNX Runtime is not installed (extra `onnx`)"
    return f"auto: no int8 copy has passed on this library's pictures{missing}; `mediacluster optimize` makes and measures one"
