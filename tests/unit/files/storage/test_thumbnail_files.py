"""Thumbnails in a storage, those of earlier versions too."""

from pathlib import Path

import pytest

from backend.errors import OriginalMissing
from backend.files.formats import mime_of
from backend.files.storage import Storage, possible_keys, read_thumbnail, thumbnail_keys, write_thumbnails
from backend.files.storage.keys import thumbnail_key

SHA = bytes(range(32))


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.open(str(tmp_path))


def test_write_thumbnails__can_be_read(storage: Storage) -> None:
    write_thumbnails(storage, SHA, {"small": b"small", "large": b"large"})

    assert [read_thumbnail(storage, SHA, size) for size in ("small", "large")] == [b"small", b"large"]
    assert sorted(storage.list_keys()) == sorted(thumbnail_keys(SHA))
    assert [key.rpartition(".")[2] for key in thumbnail_keys(SHA)] == ["webp", "jpg"]


def test_read_thumbnail__of_an_earlier_version(storage: Storage) -> None:
    storage.write(thumbnail_key(SHA, "large", "webp"), b"former")
    assert read_thumbnail(storage, SHA, "large") == b"former"

    write_thumbnails(storage, SHA, {"large": b"new"})
    assert read_thumbnail(storage, SHA, "large") == b"new"


@pytest.mark.parametrize("size", ["small", "large"])
def test_read_thumbnail__missing(storage: Storage, size: str) -> None:
    with pytest.raises(OriginalMissing):
        read_thumbnail(storage, SHA, size)


def test_possible_keys__todays_first() -> None:
    assert [keys[0] for keys in possible_keys(SHA)] == thumbnail_keys(SHA)
    assert thumbnail_key(SHA, "large", "webp") in possible_keys(SHA)[1]


def test_mime_of__what_is_stored() -> None:
    assert [mime_of(head) for head in (b"RIFF1234WEBPVP8 ", b"\xff\xd8\xff\xe0", b"x")] == [
        "image/webp",
        "image/jpeg",
        "application/octet-stream",
    ]
