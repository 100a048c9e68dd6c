"""Drawn pictures that are kept for the next home. Drawing 300 takes half a minute of a core, reading them back takes none."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import re
import shutil
import stat
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL
from PIL import features

_DIGEST_BYTES = hashlib.sha256().digest_size
_MOST_BYTES = 8 * 1024 * 1024
_FOLDER_NAME = re.compile(r"[0-9a-f]{16}-\d+-\d+")


class KeptPictures:
    """Files of pictures by their index, in a folder of the user's cache, for one seed and size.

    Everything the pixels and words depend on is in the name of the folder: the sources of this package, and the versions of
    numpy, Pillow and libjpeg. Folders of other versions are removed, so that there is one at a time. What cannot be read or does
    not have its checksum counts as missing, and what cannot be written is not kept: a cache never stops the demo.
    """

    def __init__(self, root: Path, seed: int, size: int) -> None:
        self._root = root
        self._folder = root / f"{_version()}-{seed}-{size}"

    def prepare(self) -> bool:
        """Create the folder and remove those of other versions. False where it cannot be used: not ours alone, or not writable."""
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(self._root):
                return False
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if not _is_private(self._folder):
                return False
            for other in self._root.iterdir():
                if other != self._folder and _FOLDER_NAME.fullmatch(other.name) and not other.is_symlink():
                    shutil.rmtree(other, ignore_errors=True)
        except OSError:
            return False
        return True

    def read(self, index: int) -> tuple[bytes, bytes | None] | None:
        """The JPEG and the sidecar (None for a picture without words) of a picture. None if it is not kept whole."""
        try:
            descriptor = os.open(self._path(index), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(_MOST_BYTES)
        except OSError:
            return None
        digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != digest:
            return None
        head, _, files = body.partition(b"\n")
        lengths = json.loads(head)
        picture, sidecar = files[: lengths[0]], files[lengths[0] :]
        return picture, (None if lengths[1] is None else sidecar)

    def write(self, index: int, picture: bytes, sidecar: bytes | None) -> None:
        """Keep the files of a picture, whole or not at all."""
        head = json.dumps([len(picture), None if sidecar is None else len(sidecar)]).encode()
        body = head + b"\n" + picture + (sidecar or b"")
        target = self._path(index)
        draft = target.with_suffix(".part")
        # Two demos may write one draft at a time: the checksum then tells that it is neither's.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with suppress(OSError):
            with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
                file.write(hashlib.sha256(body).digest() + body)
            draft.replace(target)

    def _path(self, index: int) -> Path:
        return self._folder / f"{index:04d}"


def _is_private(folder: Path) -> bool:
    """Whether this is a folder of ours, no link, in which nobody else can write."""
    state = folder.lstat()
    return (
        stat.S_ISDIR(state.st_mode)
        and state.st_uid == os.geteuid()
        and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


@functools.cache
def _version() -> str:
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    for part in (np.__version__, PIL.__version__, features.version("jpg") or "", platform.machine()):
        digest.update(f"\n{part}".encode())
    return digest.hexdigest()[:16]
