"""Copies of encoders for runtimes other than torch, on this machine: their folders, creation and integrity.

A copy is a folder with `model.onnx`, its weights in a separate file if they are large, and a manifest with the checksum of
each file. Its name depends on the weights and the runtime only, so a copy made on another machine has the same name.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from backend.encoders.runtimes.names import Runtime, Side
from backend.encoders.weights import file_checksum
from backend.errors import EncoderUnavailable
from backend.settings import RuntimeName, Settings

MODEL_FILE = "model.onnx"

_MANIFEST_FILE = "manifest.json"
_HINT = "Create it with `mediacluster optimize`."


@dataclass(frozen=True)
class Manifest:
    """Manifest of a copy. JSON-safe.

    Attributes:
        side: image or text.
        weights: fingerprint of the weights that it was made from.
        runtime: name of the runtime that it is for.
        in_full: positions of the products that are not quantised.
        versions: versions of the libraries that made it.
        files: checksum of each file.
        fidelity: how near its vectors are to those of torch on this library's pictures; None if it was not measured.
        passed: whether they are near enough.
    """

    side: Side
    weights: str
    runtime: RuntimeName
    in_full: tuple[int, ...]
    versions: dict[str, str]
    files: dict[str, str] = field(default_factory=dict)
    fidelity: dict[str, Any] | None = None
    passed: bool = False

    @property
    def as_runtime(self) -> Runtime:
        return Runtime(self.runtime, self.in_full)


def copies_folder(settings: Settings) -> Path:
    """The folder of all copies. It is in the home, not in the model cache, since a copy is measured on one library."""
    return settings.home_path / "cache" / "onnx"


def copy_folder(settings: Settings, side: Side, weights: str, runtime: Runtime) -> Path:
    """The folder of a copy, which need not exist."""
    key = hashlib.sha256(f"{side} {weights}{runtime.mark}".encode()).hexdigest()[:16]
    return copies_folder(settings) / f"{side}-{runtime.name}-{key}"


def find_manifest(settings: Settings, side: Side, weights: str, runtime: Runtime) -> Manifest | None:
    """The manifest of a copy, if it exists. Its files are not checked."""
    return _read(copy_folder(settings, side, weights, runtime))


def find_passed(settings: Settings, side: Side, weights: str, name: RuntimeName) -> Manifest | None:
    """The copy for this runtime that has passed the check; of several, that with the fewest products in full precision."""
    passed = [
        manifest
        for manifest in _manifests(settings)
        if (manifest.side, manifest.weights, manifest.runtime) == (side, weights, name) and manifest.passed
    ]
    return min(passed, key=lambda manifest: (len(manifest.in_full), manifest.in_full), default=None)


def open_copy(settings: Settings, side: Side, weights: str, runtime: Runtime) -> Path:
    """The model file of a copy. Checks the checksums of all its files first.

    Raises:
        EncoderUnavailable: the copy does not exist or is damaged.
    """
    folder = copy_folder(settings, side, weights, runtime)
    manifest = _read(folder)
    if manifest is None:
        raise EncoderUnavailable(f"The {side} encoder's copy for {runtime.title} is not on this machine.", hint=_HINT)
    for name, checksum in manifest.files.items():
        path = folder / name
        if not path.is_file() or file_checksum(path) != checksum:
            raise EncoderUnavailable(f"{path} is damaged.", hint=f"Remove {folder}. {_HINT}")
    return folder / MODEL_FILE


def put_copy(settings: Settings, manifest: Manifest, make: Callable[[Path], None]) -> Path:
    """Create a copy atomically: `make` writes `model.onnx` to an empty folder, which is then renamed. Returns the model file."""
    target = copy_folder(settings, manifest.side, manifest.weights, manifest.as_runtime)
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    try:
        made.chmod(0o755)  # a worker may run as a different account
        make(made)
        files = {path.name: file_checksum(path) for path in sorted(made.iterdir())}
        _write(made, Manifest(**{**asdict(manifest), "files": files}))
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target / MODEL_FILE


def record_fidelity(settings: Settings, manifest: Manifest, fidelity: dict[str, Any], *, passed: bool) -> None:
    """Store the measured fidelity of an existing copy."""
    folder = copy_folder(settings, manifest.side, manifest.weights, manifest.as_runtime)
    found = _read(folder)
    if found is not None:
        _write(folder, Manifest(**{**asdict(found), "fidelity": fidelity, "passed": passed}))


def _manifests(settings: Settings) -> Iterator[Manifest]:
    folder = copies_folder(settings)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        manifest = None if path.name.startswith(".") else _read(path)
        if manifest is not None:
            yield manifest


def _read(folder: Path) -> Manifest | None:
    try:
        content = json.loads((folder / _MANIFEST_FILE).read_text(encoding="utf-8"))
        return Manifest(**{**content, "in_full": tuple(content["in_full"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write(folder: Path, manifest: Manifest) -> None:
    text = json.dumps(asdict(manifest), indent=1)
    path = folder / f".{_MANIFEST_FILE}.{os.getpid()}"
    path.write_text(text, encoding="utf-8")
    path.replace(folder / _MANIFEST_FILE)
