import errno
import os
import resource
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from backend.errors import BackendUnavailable, ConfigurationError, OriginalMissing, StorageFull
from backend.files.storage import Storage, check_key, original_key
from backend.files.storage.keys import thumbnail_key

SHA = bytes(range(32))
KEY = original_key(SHA, "jpg")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def s3_options(endpoint: str) -> dict[str, Any]:
    return {"key": "test", "secret": "test", "endpoint_url": endpoint, "client_kwargs": {"region_name": "us-east-1"}}


def s3_client(endpoint: str) -> Any:
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


@pytest.fixture(params=["local", "memory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return Storage.open((tmp_path / "storage").as_uri())
    if request.param == "memory":
        return Storage.open(f"memory://{uuid.uuid4().hex}")
    endpoint = request.getfixturevalue("s3_endpoint")
    bucket = f"bucket-{uuid.uuid4().hex}"
    s3_client(endpoint).create_bucket(Bucket=bucket)
    return Storage.open(f"s3://{bucket}/media", s3_options(endpoint))


def test_storage__round_trip(storage: Storage) -> None:
    assert not storage.exists(KEY)

    storage.write(KEY, b"picture")

    assert storage.exists(KEY)
    assert storage.read(KEY) == b"picture"
    assert storage.size(KEY) == 7


def test_storage__writing_again_replaces(storage: Storage) -> None:
    storage.write(KEY, b"first, longer")
    storage.write(KEY, b"second")

    assert storage.read(KEY) == b"second"
    assert storage.size(KEY) == 6


def test_storage__empty_object(storage: Storage) -> None:
    storage.write(KEY, b"")

    assert storage.read(KEY) == b""
    assert storage.size(KEY) == 0


def test_storage__missing(storage: Storage) -> None:
    with pytest.raises(OriginalMissing) as caught:
        storage.read(KEY)
    assert caught.value.context["key"] == KEY
    with pytest.raises(OriginalMissing):
        storage.size(KEY)


def test_storage__delete_can_be_repeated(storage: Storage) -> None:
    storage.write(KEY, b"picture")
    storage.delete(KEY)
    storage.delete(KEY)

    assert not storage.exists(KEY)


def test_storage__list_keys(storage: Storage) -> None:
    assert list(storage.list_keys()) == []
    keys = ["originals/ab/cd/2.jpg", "originals/ab/cd/1.jpg", "originals/aa/x.png", "thumbnails/small/ab/cd/1.webp"]
    for key in keys:
        storage.write(key, b"x")

    assert list(storage.list_keys()) == sorted(keys)
    assert list(storage.list_keys("originals")) == sorted(keys[:3])
    assert list(storage.list_keys("originals/ab")) == sorted(keys[:2])
    assert list(storage.list_keys("nothing")) == []


def test_storage__list_folders(storage: Storage) -> None:
    assert storage.list_folders("originals") == set()
    for key in (
        "originals/ab/cd/1.jpg",
        "originals/ab/ce/2.jpg",
        "originals/0f/x.png",
        "originals/x",
        "thumbnails/aa/1",
    ):
        storage.write(key, b"x")

    assert storage.list_folders("originals") == {"ab", "0f"}
    assert storage.list_folders("originals/ab") == {"cd", "ce"}
    with pytest.raises(ValueError, match="not a valid storage key"):
        storage.list_folders("../originals")


def test_storage__check_leaves_nothing(storage: Storage) -> None:
    storage.check()

    assert list(storage.list_keys()) == []


def test_storage__sees_what_others_wrote_meanwhile(s3_endpoint: str) -> None:
    client = s3_client(s3_endpoint)
    client.create_bucket(Bucket="shared")
    storage = Storage.open("s3://shared/media", s3_options(s3_endpoint))
    storage.write("originals/one", b"x")
    assert list(storage.list_keys("originals")) == ["originals/one"]
    assert not storage.exists("originals/two")

    client.put_object(Bucket="shared", Key="media/originals/two", Body=b"x")
    client.delete_object(Bucket="shared", Key="media/originals/one")

    assert list(storage.list_keys("originals")) == ["originals/two"]
    assert storage.exists("originals/two")
    assert not storage.exists("originals/one")


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../b", "a//b", "", "a/.hidden", "a\0b", "a b", "a/", "./a"])
def test_storage__invalid_keys(storage: Storage, key: str) -> None:
    for method in (storage.read, storage.exists, storage.size, storage.delete, storage.local_path):
        with pytest.raises(ValueError, match="key"):
            method(key)
    with pytest.raises(ValueError, match="key"):
        storage.write(key, b"x")


def test_storage__local_path(tmp_path: Path) -> None:
    storage = Storage.open(str(tmp_path / "a folder"))
    assert storage.local_path(KEY) is None

    storage.write(KEY, b"picture")

    assert storage.local_path(KEY) == tmp_path / "a folder" / KEY
    assert (tmp_path / "a folder" / KEY).read_bytes() == b"picture"


def test_storage__memory_has_no_local_path() -> None:
    storage = Storage.open("memory://none")
    storage.write(KEY, b"x")

    assert storage.local_path(KEY) is None


def test_storage_write__is_synced_before_it_is_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage.open(tmp_path.as_uri())
    final = tmp_path / KEY
    steps: list[str] = []
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        steps.append(f"{kind}, {'visible' if final.exists() else 'not yet visible'}")
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    storage.write(KEY, b"picture")

    # New folders originals, 0x and 0x/0y first, each by its parent; then the file; then the folder it was renamed in.
    assert steps == ["folder, not yet visible"] * 3 + ["file, not yet visible", "folder, visible"]


def test_storage_write__full_disk_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage.open(tmp_path.as_uri())
    storage.write(KEY, b"before")

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(BackendUnavailable):  # EFBIG: the nearest to a full disk that a test can have
            storage.write(KEY, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    assert storage.read(KEY) == b"before"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [KEY.rsplit("/", 1)[1]]


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EIO, BackendUnavailable)]
)
def test_storage_write__errors_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    storage = Storage.open(tmp_path.as_uri())
    storage.write("originals/other", b"x")

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(error):
        storage.write("originals/one", b"y")

    monkeypatch.undo()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["other"]


def test_storage__folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "originals").write_text("a file where a folder must be")

    with pytest.raises(BackendUnavailable):
        Storage.open(tmp_path.as_uri()).write(KEY, b"x")


def test_storage__unfinished_writes_are_not_listed(tmp_path: Path) -> None:
    storage = Storage.open(tmp_path.as_uri())
    storage.write(KEY, b"x")
    (tmp_path / KEY).with_name(".0123.tmp").write_bytes(b"half")

    assert list(storage.list_keys()) == [KEY]


def test_storage__s3_without_bucket(s3_endpoint: str) -> None:
    storage = Storage.open("s3://no-such-bucket-here/x", s3_options(s3_endpoint))

    with pytest.raises((BackendUnavailable, OriginalMissing)):
        storage.check()


def test_storage__s3_nobody_there() -> None:
    options = s3_options("http://127.0.0.1:9") | {
        "config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 1}
    }
    storage = Storage.open("s3://bucket/x", options)

    with pytest.raises(BackendUnavailable):
        storage.write(KEY, b"x")


def test_storage__errors_tell_no_credentials() -> None:
    """Network clients see no address at all, and the log has no credentials."""
    secrets = ("AKIA-of-the-test", "secret-of-the-test", "password-of-the-endpoint")
    options = {
        "key": secrets[0],
        "secret": secrets[1],
        "client_kwargs": {"endpoint_url": f"http://ada:{secrets[2]}@127.0.0.1:9", "region_name": "eu-central-1"},
        "config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 1},
    }
    with pytest.raises(BackendUnavailable) as caught:
        Storage.open("s3://bucket/x", options).write(KEY, b"x")
    told, error = str(caught.value), caught.value
    assert told == "The storage cannot be reached. Run `mediacluster doctor` for details."
    assert "s3://bucket/x" in error.full_detail
    assert [one for one in secrets if one in error.full_detail + repr(error)] == []


def test_storage__what_a_driver_repeats_is_left_out() -> None:
    options = {"client_kwargs": {"endpoint_url": "http://ada:password-of-it@no host"}}
    with pytest.raises(BackendUnavailable) as caught:
        Storage.open("s3://bucket/x", options).write(KEY, b"x")
    assert "Invalid endpoint: http://ada:***@no host" in caught.value.full_detail


def test_storage__an_unusable_option_is_not_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Storage.open("nonsense://ada:pa55word@host/x", {"token": "of-the-test"})
    assert "nonsense://host/x" in str(caught.value)
    assert "pa55word" not in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense://x", "gs://bucket/x"])
def test_storage__unusable_url(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Storage.open(url)

    assert caught.value.hint


def test_keys__layout() -> None:
    digits = SHA.hex()

    assert original_key(SHA, "jpg") == f"originals/00/01/{digits}.jpg"
    assert thumbnail_key(SHA, "small", "webp") == f"thumbnails/small/00/01/{digits}.webp"


@pytest.mark.parametrize(
    ("sha256", "part"), [(b"short", "jpg"), (SHA, "../x"), (SHA, ""), (SHA, "a/b"), (SHA, "a.b")], ids=repr
)
def test_keys__refuse_nonsense(sha256: bytes, part: str) -> None:
    with pytest.raises(ValueError, match=r"key|SHA"):
        original_key(sha256, part)
    with pytest.raises(ValueError, match=r"key|SHA"):
        thumbnail_key(sha256, part, "webp")


@given(one=st.binary(min_size=32, max_size=32), other=st.binary(min_size=32, max_size=32))
def test_keys__are_valid_and_different(one: bytes, other: bytes) -> None:
    keys = [key for sha in (one, other) for key in (original_key(sha, "png"), thumbnail_key(sha, "large", "jpg"))]

    assert all(check_key(key) == key for key in keys)
    assert len(set(keys)) == (4 if one != other else 2)


@given(st.text(max_size=30))
def test_keys__a_valid_key_stays_below_the_root(key: str) -> None:
    try:
        check_key(key)
    except ValueError:
        return
    path = os.path.normpath(f"/root/{key}")
    assert path == f"/root/{key}"
