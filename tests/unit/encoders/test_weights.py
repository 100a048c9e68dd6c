import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from backend.encoders import EncoderNames, image_fingerprint, text_fingerprint
from backend.encoders.weights import image_checksum, local_checkpoint, local_text_folder, text_checksum
from backend.errors import EncoderUnavailable

NAMES = EncoderNames("ViT-B-32", "laion2b_s34b_b79k", "sentence-transformers/all-MiniLM-L12-v2")


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "open_clip_config.json").write_text("{}")
    (folder / "open_clip_model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def text_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "text"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "modules.json").write_text("[]")
    (folder / "1_Pooling" / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_image_fingerprint__names_stand_for_themselves() -> None:
    assert image_fingerprint(NAMES) == "open_clip:ViT-B-32:laion2b_s34b_b79k"
    assert image_fingerprint(replace(NAMES, image_checkpoint="laion2b-s34b-b79k")) == image_fingerprint(NAMES)
    assert image_fingerprint(replace(NAMES, image_checkpoint="openai")) != image_fingerprint(NAMES)
    assert image_fingerprint(EncoderNames("hf-hub:org/name", None, "")) == "open_clip:hf-hub:org/name"
    assert image_checksum(NAMES) is None


def test_image_fingerprint__same_checkpoint_at_another_path(tmp_path: Path) -> None:
    first, second, other = tmp_path / "a.pt", tmp_path / "b" / "w.pt", tmp_path / "other.pt"
    second.parent.mkdir()
    first.write_bytes(b"weights")
    second.write_bytes(b"weights")
    other.write_bytes(b"Weights")

    prints = [image_fingerprint(replace(NAMES, image_checkpoint=str(path))) for path in (first, second, other)]

    assert prints[0] == prints[1] != prints[2]
    assert str(tmp_path) not in prints[0]
    assert "ViT-B-32" in prints[0]


def test_image_fingerprint__notices_a_replaced_file(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(b"weights")
    names = replace(NAMES, image_checkpoint=str(path))
    before = image_fingerprint(names)

    path.write_bytes(b"Weights")
    os.utime(path, ns=(1, 1))

    assert image_fingerprint(names) != before


def test_image_fingerprint__copied_folder(image_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(image_folder, tmp_path / "copy")
    (tmp_path / "copy" / "README.md").write_text("notes")

    fingerprint = image_fingerprint(EncoderNames(f"local-dir:{image_folder}", None, ""))

    assert image_fingerprint(EncoderNames(f"local-dir:{tmp_path}/copy", None, "")) == fingerprint
    (tmp_path / "copy" / "open_clip_config.json").write_text('{"model_cfg": {}}')
    assert image_fingerprint(EncoderNames(f"local-dir:{tmp_path}/copy", None, "")) != fingerprint


def test_local_checkpoint__safetensors_first(image_folder: Path) -> None:
    (image_folder / "open_clip_model.bin").write_bytes(b"pickle")
    (image_folder / "a.safetensors").write_bytes(b"others")

    found = local_checkpoint(EncoderNames(f"local-dir:{image_folder}", None, ""))

    assert found == image_folder / "open_clip_model.safetensors"


def test_local_checkpoint__named_one_goes_before_the_folders_own(image_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    other.write_bytes(b"weights")

    assert local_checkpoint(EncoderNames(f"local-dir:{image_folder}", str(other), "")) == other


@pytest.mark.parametrize("path", ["/nowhere/weights.safetensors", "weights.pt", "/nowhere/tag", "~/nowhere"])
def test_local_checkpoint__missing_file(path: str) -> None:
    with pytest.raises(EncoderUnavailable, match=r"no checkpoint at .*MEDIACLUSTER_IMAGE_CHECKPOINT"):
        local_checkpoint(replace(NAMES, image_checkpoint=path))


def test_local_checkpoint__folder_without_weights(image_folder: Path) -> None:
    (image_folder / "open_clip_model.safetensors").unlink()

    with pytest.raises(EncoderUnavailable, match="no weights in"):
        local_checkpoint(EncoderNames(f"local-dir:{image_folder}", None, ""))


def test_local_checkpoint__folder_without_configuration(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"no image model in .*open_clip_config.json"):
        local_checkpoint(EncoderNames(f"local-dir:{tmp_path}", None, ""))


def test_text_fingerprint__names() -> None:
    assert text_fingerprint(NAMES) == "sentence-transformers:sentence-transformers/all-MiniLM-L12-v2"
    assert text_fingerprint(replace(NAMES, text_model="all-MiniLM-L12-v2")) == text_fingerprint(NAMES)
    assert text_checksum(NAMES) is None


def test_text_fingerprint__copied_folder(text_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(text_folder, copy)
    (copy / "README.md").write_text("notes")
    (copy / "pytorch_model.bin").write_bytes(b"not read beside safetensors")
    (copy / "onnx").mkdir()
    (copy / "onnx" / "config.json").write_text("{}")

    fingerprint = text_fingerprint(replace(NAMES, text_model=str(text_folder)))

    assert text_fingerprint(replace(NAMES, text_model=str(copy))) == fingerprint
    assert str(tmp_path) not in fingerprint
    (copy / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    assert text_fingerprint(replace(NAMES, text_model=str(copy))) != fingerprint


@pytest.mark.parametrize("path", ["/nowhere", "./nowhere", "~/nowhere", "models/of/mine"])
def test_local_text_folder__missing(path: str) -> None:
    with pytest.raises(EncoderUnavailable, match=r"no text model in .*MEDIACLUSTER_TEXT_MODEL"):
        local_text_folder(path)
