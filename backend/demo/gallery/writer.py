"""Writing the gallery to a folder as JPEG files with JSON sidecars, whole or not at all."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from backend.demo.gallery.kept import KeptPictures
from backend.demo.gallery.picture import (
    RENDERER_VERSION,
    Picture,
    names_of_gallery,
    render_gallery_picture,
)

LABELS = ".labels.json"
STAMP = ".stamp.json"
_QUALITY = 90
_SIZE = 640


def write_gallery(
    folder: Path,
    count: int = 300,
    seed: int = 0,
    *,
    keep_in: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write `count` pictures into `folder` and return `count`.

    Each picture is a JPEG; one that has words has a sidecar of the same stem, ending in .json. `.labels.json` maps file
    names to true kinds. A stamp, written last, names count, seed and renderer: with the same stamp in place nothing is
    done, otherwise everything is written again, so an interrupted writing is repeated. Files of an earlier gallery that
    are no longer part of it are removed; files that this function did not write are left alone. `keep_in` is a folder for
    drawn pictures (see `KeptPictures`): those in it are not drawn again. `on_progress` is called with (pictures written,
    count). Raises OSError if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp = {"count": count, "seed": seed, "renderer": RENDERER_VERSION}
    labels_file, stamp_file = folder / LABELS, folder / STAMP
    before = _read(labels_file)
    if _read(stamp_file) == stamp and all((folder / name).exists() for name in before):
        return count
    stamp_file.unlink(missing_ok=True)
    labels = names_of_gallery(count, seed)
    # The names go ahead of the files: what is cut short now is known, and cleared away, the next time.
    _replace(labels_file, _as_json(before | labels).encode())
    kept = None if keep_in is None else KeptPictures(keep_in, seed, _SIZE)
    if kept is not None and not kept.prepare():
        kept = None
    for done, _ in enumerate(_write_all(folder, labels, seed, kept), start=1):
        if on_progress is not None:
            on_progress(done, count)
    _clear(folder, before.keys() - labels.keys())
    _replace(labels_file, _as_json(labels).encode())
    _replace(stamp_file, _as_json(stamp).encode())
    return count


def _write_all(folder: Path, labels: dict[str, str], seed: int, kept: KeptPictures | None) -> Iterator[None]:
    """Write the pictures, and yield after each. `labels` are the names of the files, in order, with their kinds."""
    missing: list[tuple[int, str]] = []
    for index, (name, kind) in enumerate(labels.items()):
        files = None if kept is None else kept.read(index)
        if files is None:
            missing.append((index, kind))
        else:
            _write_files(folder / name, *files)
            yield
    if missing:
        yield from _render_all(folder, missing, seed, kept)


def _render_all(folder: Path, pictures: list[tuple[int, str]], seed: int, kept: KeptPictures | None) -> Iterator[None]:
    """Render on all cores: pictures do not depend on each other. New processes, since the caller may have threads."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(
                partial(_render_one, folder, seed, _SIZE, kept), *zip(*pictures, strict=True), chunksize=4
            )
        except BaseException:
            # Do not make an interrupted user wait for the rest.
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _render_one(folder: Path, seed: int, size: int, kept: KeptPictures | None, index: int, kind: str) -> None:
    picture = render_gallery_picture(index, kind, seed, size)
    files = _files_of(picture)
    _write_files(folder / picture.name, *files)
    if kept is not None:
        kept.write(index, *files)


def sidecar_of(picture: Picture) -> dict[str, Any] | None:
    """Return what the sidecar of a picture says, or None if the picture has no words."""
    if not picture.title and not picture.caption:
        return None
    return {
        "title": picture.title,
        "caption": picture.caption,
        "keywords": list(picture.keywords),
        "location": picture.location,
        "story": picture.story,
        "taken_at": picture.taken_at.isoformat() if picture.taken_at else None,
    }


def _files_of(picture: Picture) -> tuple[bytes, bytes | None]:
    """The JPEG and the sidecar of a picture, as bytes."""
    encoded = io.BytesIO()
    picture.image.save(encoded, "JPEG", quality=_QUALITY, subsampling=1)
    sidecar = sidecar_of(picture)
    return encoded.getvalue(), None if sidecar is None else _as_json(sidecar).encode()


def _write_files(target: Path, picture: bytes, sidecar: bytes | None) -> None:
    _replace(target, picture)
    beside = target.with_suffix(".json")
    if sidecar is None:
        beside.unlink(missing_ok=True)
    else:
        _replace(beside, sidecar)


def _clear(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        for suffix in (".jpg", ".json", ".part"):
            (folder / name).with_suffix(suffix).unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _as_json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".part")
    draft.write_bytes(content)
    draft.replace(path)
