"""Weights of the encoders: their local paths, checksums and fingerprints.

Imports nothing heavy, so that fingerprints can be compared at start-up without loading a model.
"""

import hashlib
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from backend.encoders.presets import PRESETS, EncoderNames, require_demo
from backend.errors import EncoderUnavailable

LOCAL_DIR = "local-dir:"
HF_HUB = "hf-hub:"
IMAGE_CONFIG_FILE = "open_clip_config.json"

_CHECKPOINT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".npz")  # in order of preference
_IMAGE_TOKENIZER_FILES = ("tokenizer*.json", "special_tokens_map.json", "vocab*", "merges.txt", "*.model")
# Files that a sentence-transformers model is loaded from. A README or an ONNX copy next to them does not affect vectors.
_TEXT_MODEL_SUFFIXES = frozenset({".json", ".safetensors", ".bin", ".txt", ".model"})
_OTHER_RUNTIMES = frozenset({"onnx", "openvino"})
_READ_BYTES = 1 << 20


def local_checkpoint(names: EncoderNames) -> Path | None:
    """The file that the image model is loaded from; None if a tag or name is looked up on the hub.

    Raises:
        EncoderUnavailable: the names contain a path, and there is no such file.
    """
    if names.image_checkpoint and _is_path(names.image_checkpoint):
        return _require_file(Path(names.image_checkpoint).expanduser())
    if names.image_model.startswith(LOCAL_DIR):
        return _checkpoint_in(local_image_folder(names.image_model))
    return None


def local_image_folder(image_model: str) -> Path:
    """The folder of a `local-dir:` model.

    Raises:
        EncoderUnavailable: it is missing or contains no OpenCLIP configuration.
    """
    folder = Path(image_model.removeprefix(LOCAL_DIR)).expanduser()
    if not (folder / IMAGE_CONFIG_FILE).is_file():
        if image_model == PRESETS["demo"].image_model:
            require_demo()
        raise EncoderUnavailable(
            f"There is no image model in {folder}.",
            hint=f"MEDIACLUSTER_IMAGE_MODEL={LOCAL_DIR}PATH needs a folder with {IMAGE_CONFIG_FILE} and weights.",
        )
    return folder


def local_text_folder(text_model: str) -> Path | None:
    """The folder of a text model; None if the name is looked up on the hub.

    Raises:
        EncoderUnavailable: the name is a path, and there is no such folder.
    """
    folder = Path(text_model).expanduser()
    if folder.is_dir():
        return folder
    if text_model == PRESETS["demo"].text_model:
        require_demo()
    if folder.is_absolute() or text_model.startswith((".", "~")) or text_model.count("/") > 1:
        raise EncoderUnavailable(
            f"There is no text model in {folder}.",
            hint="MEDIACLUSTER_TEXT_MODEL takes a sentence-transformers name or a folder with its files.",
        )
    return None


def image_fingerprint(names: EncoderNames) -> str:
    """The identity of an image encoder. The same weights at a different path have the same fingerprint.

    Names and tags are used as they are, local files by their checksum (read once per process, and again after a change).

    Raises:
        EncoderUnavailable: local files are missing.
    """
    parts = ["open_clip", names.image_model]
    if names.image_model.startswith(LOCAL_DIR):
        folder = local_image_folder(names.image_model)
        tokenizer = (path for pattern in _IMAGE_TOKENIZER_FILES for path in folder.glob(pattern))
        parts[1] = _checksum(folder, [folder / IMAGE_CONFIG_FILE, *tokenizer])
    checkpoint = local_checkpoint(names)
    if checkpoint:
        parts.append(file_checksum(checkpoint))
    elif names.image_checkpoint and not names.image_model.startswith(HF_HUB):
        parts.append(names.image_checkpoint.lower().replace("-", "_"))  # as OpenCLIP reads tags
    return ":".join(parts)


def text_fingerprint(names: EncoderNames) -> str:
    """The identity of a text encoder. The same files at a different path have the same fingerprint.

    Raises:
        EncoderUnavailable: local files are missing.
    """
    checksum = text_checksum(names)
    # sentence-transformers completes short names in the same way.
    name = names.text_model if "/" in names.text_model else f"sentence-transformers/{names.text_model}"
    return f"sentence-transformers:{checksum or name}"


def image_checksum(names: EncoderNames) -> str | None:
    """`sha256-...` of the image model's weights; None if they come from the hub."""
    checkpoint = local_checkpoint(names)
    return file_checksum(checkpoint) if checkpoint else None


def text_checksum(names: EncoderNames) -> str | None:
    """`sha256-...` of the text model's files; None if they come from the hub."""
    folder = local_text_folder(names.text_model)
    if folder is None:
        return None
    files = [path for path in folder.rglob("*") if path.is_file() and _belongs_to_text_model(path, folder)]
    return _checksum(folder, files)


def file_checksum(path: Path) -> str:
    """`sha256-...` of one file, cached until the file changes."""
    status = path.stat()
    return f"sha256-{_hash_file(path, status.st_size, status.st_mtime_ns)}"


def _is_path(checkpoint: str) -> bool:
    """Whether a checkpoint is a path. Tags of OpenCLIP are single words."""
    return checkpoint.endswith(_CHECKPOINT_SUFFIXES) or os.sep in checkpoint or checkpoint.startswith("~")


def _require_file(path: Path) -> Path:
    if not path.is_file():
        raise EncoderUnavailable(
            f"There is no checkpoint at {path}.",
            hint="MEDIACLUSTER_IMAGE_CHECKPOINT takes an OpenCLIP tag or the path of a safetensors or torch file.",
        )
    return path


def _checkpoint_in(folder: Path) -> Path:
    """The weights in a `local-dir:` folder. Prefers safetensors to torch files, and OpenCLIP's own file names to others."""
    found = [path for path in folder.iterdir() if path.suffix in _CHECKPOINT_SUFFIXES and path.is_file()]
    if not found:
        raise EncoderUnavailable(
            f"There are no weights in {folder}.",
            hint=f"Put a checkpoint beside {IMAGE_CONFIG_FILE}, or name one with MEDIACLUSTER_IMAGE_CHECKPOINT.",
        )
    return min(
        found,
        key=lambda path: (_CHECKPOINT_SUFFIXES.index(path.suffix), not path.stem.startswith("open_clip"), path.name),
    )


def _belongs_to_text_model(path: Path, folder: Path) -> bool:
    if path.suffix not in _TEXT_MODEL_SUFFIXES or _OTHER_RUNTIMES.intersection(path.relative_to(folder).parts[:-1]):
        return False
    return path.suffix != ".bin" or not any(path.parent.glob("*.safetensors"))  # safetensors take precedence


def _checksum(folder: Path, files: Iterable[Path]) -> str:
    """One checksum of several files: their names inside `folder` and their contents."""
    lines = sorted({f"{path.relative_to(folder).as_posix()} {file_checksum(path)}" for path in files})
    return "sha256-" + hashlib.sha256("\n".join(lines).encode()).hexdigest()


@lru_cache(maxsize=64)
def _hash_file(path: Path, size_bytes: int, modified_ns: int) -> str:  # noqa: ARG001 - part of the key
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
