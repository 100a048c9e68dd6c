"""Which runtime an encoder gets, how a fingerprint tells it, and copies that are whole or not there."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from backend.encoders import (
    EncoderNames,
    Manifest,
    Runtime,
    Side,
    explain,
    image_fingerprint,
    open_copy,
    put_copy,
    record_fidelity,
    split_fingerprint,
    text_fingerprint,
)
from backend.encoders.choice import choose_runtimes
from backend.encoders.runtimes.copies import copy_folder, find_passed
from backend.encoders.runtimes.names import Runtimes
from backend.errors import EncoderUnavailable
from backend.settings import Settings, load_settings

NAMES = EncoderNames("ViT-B-32", "laion2b_s34b_b79k", "sentence-transformers/all-MiniLM-L12-v2")
IMAGE, TEXT = image_fingerprint(NAMES), text_fingerprint(NAMES)
INT8 = Runtime("onnx-int8", (3, 17))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path)


def put(settings: Settings, runtime: Runtime = INT8, *, side: Side = "image", passed: bool = True) -> Path:
    manifest = Manifest(side, IMAGE if side == "image" else TEXT, runtime.name, runtime.in_full, {"onnx": "1"})

    def make(folder: Path) -> None:
        (folder / "model.onnx").write_bytes(b"weights")

    path = put_copy(settings, manifest, make)
    record_fidelity(settings, manifest, {"cosine": 0.99}, passed=passed)
    return path


@pytest.mark.parametrize(
    "runtime", [Runtime(), Runtime("onnx"), Runtime("onnx-int8"), INT8], ids=["torch", "onnx", "int8", "mixed"]
)
@pytest.mark.parametrize("weights", [IMAGE, "open_clip:hf-hub:org/name"], ids=["tag", "hub"])
def test_split_fingerprint(runtime: Runtime, weights: str) -> None:
    assert split_fingerprint(weights + runtime.mark) == (weights, runtime)


def test_split_fingerprint__of_another_version_is_another_encoder() -> None:
    later = IMAGE + INT8.mark.replace(".v1", ".v2")
    assert split_fingerprint(later) == (later, Runtime())


def test_choose_runtimes__torch_until_a_copy_has_passed(settings: Settings) -> None:
    assert choose_runtimes(settings, NAMES) == Runtimes()
    put(settings, passed=False)
    assert choose_runtimes(settings, NAMES) == Runtimes()
    put(settings)
    assert choose_runtimes(settings, NAMES) == Runtimes(image=INT8)
    put(settings, Runtime("onnx-int8"))  # all products in int8: the faster one
    assert choose_runtimes(settings, NAMES) == Runtimes(image=Runtime("onnx-int8"))
    assert choose_runtimes(load_settings(home=settings.home, device="cuda"), NAMES) == Runtimes()


def test_choose_runtimes__auto_never_changes_a_space(settings: Settings) -> None:
    put(settings)
    assert choose_runtimes(settings, NAMES, (IMAGE, TEXT)) == Runtimes()
    kept = Runtimes(Runtime("onnx-int8", (1,)), Runtime("onnx"))
    recorded = (IMAGE + kept.image.mark, TEXT + kept.text.mark)
    assert choose_runtimes(settings, NAMES, recorded) == kept
    # Another runtime by name is another encoder, which the space then refuses.
    named = load_settings(home=settings.home, image_runtime="torch", text_runtime="onnx")
    assert choose_runtimes(named, NAMES, recorded) == Runtimes(Runtime(), Runtime("onnx"))
    # Of other weights the space says nothing.
    other = replace(NAMES, image_checkpoint="openai")
    assert choose_runtimes(settings, other, recorded).image == Runtime()


def test_choose_runtimes__int8_by_name_needs_a_copy_that_passed(settings: Settings) -> None:
    named = load_settings(home=settings.home, image_runtime="onnx-int8")
    put(settings, passed=False)
    with pytest.raises(EncoderUnavailable, match="mediacluster optimize"):
        choose_runtimes(named, NAMES)
    put(settings)
    assert choose_runtimes(named, NAMES).image == INT8


def test_explain(settings: Settings) -> None:
    assert "mediacluster optimize" in explain(settings, "image", Runtime(), has_space=False)
    assert "space" in explain(settings, "image", INT8, has_space=True)
    assert "passed" in explain(settings, "text", INT8, has_space=False)


def test_open_copy__damaged_or_missing(settings: Settings) -> None:
    with pytest.raises(EncoderUnavailable, match="not on this machine"):
        open_copy(settings, "image", IMAGE, INT8)
    path = put(settings)
    assert open_copy(settings, "image", IMAGE, INT8) == path
    path.write_bytes(b"Weights")
    with pytest.raises(EncoderUnavailable, match="damaged"):
        open_copy(settings, "image", IMAGE, INT8)
    path.unlink()
    with pytest.raises(EncoderUnavailable, match="damaged"):
        open_copy(settings, "image", IMAGE, INT8)


def test_put_copy__whole_or_not_at_all(settings: Settings) -> None:
    manifest = Manifest("image", IMAGE, "onnx-int8", (), {})

    def fail(folder: Path) -> None:
        (folder / "model.onnx").write_bytes(b"half")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        put_copy(settings, manifest, fail)
    folder = copy_folder(settings, "image", IMAGE, manifest.as_runtime)
    assert list(folder.parent.iterdir()) == []
    put(settings, Runtime("onnx-int8"), passed=False)
    with pytest.raises(OSError, match="no space left"):
        put_copy(settings, manifest, fail)
    assert open_copy(settings, "image", IMAGE, manifest.as_runtime).read_bytes() == b"weights"
    assert find_passed(settings, "image", IMAGE, "onnx-int8") is None
    assert asdict(manifest)["in_full"] == ()
