"""Decoding in other processes: the same outcome, and nothing that a file does to them reaches this one."""

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops

from backend.errors import BackendUnavailable, DecodeCrash, ImageTruncated, TooManyPixels, UnsupportedFormat
from backend.files.decoding import Decoders, inspect_picture
from backend.files.decoding.perceptual_hash import perceptual_hash
from backend.files.decoding.pixels import decode_picture
from backend.files.decoding.thumbnails import make_thumbnails
from backend.files.decoding.work import fit_picture
from backend.files.limits import Limits
from backend.files.metadata import read_metadata
from tests.support.limits import make_limits
from tests.support.processes import is_alive
from tests.support.waiting import PATIENCE_SECONDS, wait_for

MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    made = Decoders(processes=2, seconds=20, memory_bytes=512 * MEBIBYTE)
    yield made
    made.close()


@pytest.fixture
def make_poisoned(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Decoders]]:
    """Decoders that do what a file says after its pixels, and decode it otherwise."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    made: list[Decoders] = []

    def make(*, processes: int = 1, seconds: float = 10.0, memory_bytes: int = 256 * MEBIBYTE, **more: Any) -> Decoders:
        one = Decoders(
            processes=processes, seconds=seconds, memory_bytes=memory_bytes, work="decoder_poison:work", **more
        )
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def poison(jpeg: bytes, word: str) -> bytes:
    return jpeg + b"POISON:" + word.encode()


@pytest.mark.parametrize("name", ["rocket.jpg", "coffee.png", "chelsea.png"])
def test_decoders__as_in_process(decoders: Decoders, pictures: Any, limits: Limits, name: str) -> None:
    data = pictures.photograph(name)

    inspection, metadata = decoders.inspect(data, limits)
    decoded = decoders.decode(data, limits, at_least=640, fit=224, derive=True)

    assert inspection == inspect_picture(data, limits)
    assert metadata == read_metadata(data, limits)
    image = decode_picture(data, limits, at_least=640)
    assert decoded.thumbnails == make_thumbnails(image)
    assert decoded.perceptual_hash == perceptual_hash(image)
    assert min(decoded.image.size) == 224
    assert not ImageChops.difference(decoded.image, fit_picture(image, 224)).getbbox()
    whole = decoders.decode(data, limits)
    assert not ImageChops.difference(whole.image, decode_picture(data, limits)).getbbox()
    assert (whole.thumbnails, whole.perceptual_hash) == ({}, None)


@pytest.mark.parametrize("size", [(500, 300), (300, 500), (301, 299), (200, 100), (230, 225)])
@pytest.mark.parametrize("fit", [224, (96, 64)])
def test_fit_picture__leaves_the_encoder_nothing_to_resize(size: tuple[int, int], fit: int | tuple[int, int]) -> None:
    """The first step of OpenCLIP's preprocessing gives the same pixels in a decoder as in the encoder."""
    from torchvision.transforms import InterpolationMode, Resize

    image = Image.effect_noise(size, 80).convert("RGB")
    resize = Resize(fit if isinstance(fit, int) else fit[::-1], interpolation=InterpolationMode.BICUBIC)

    beforehand = fit_picture(image, fit)

    assert not ImageChops.difference(resize(beforehand), resize(image)).getbbox()


@pytest.mark.parametrize("fit", [224, (96, 64)])
def test_fit_picture__of_a_large_picture_nearly_so(pictures: Any, limits: Limits, fit: int | tuple[int, int]) -> None:
    from torchvision.transforms import InterpolationMode, Resize

    image = decode_picture(pictures.photograph("retina.jpg"), limits)
    image = image.resize((2000, 1500), Image.Resampling.BICUBIC)
    resize = Resize(fit if isinstance(fit, int) else fit[::-1], interpolation=InterpolationMode.BICUBIC)

    nearly, exactly = fit_picture(image, fit), resize(image)

    assert nearly.size == exactly.size
    difference = np.abs(np.asarray(nearly, dtype=float) - np.asarray(exactly, dtype=float))
    assert 0 < difference.mean() < 0.5
    assert difference.max() <= 8


def test_fit_picture__a_strip_is_left_for_the_encoder_to_cut() -> None:
    strip = Image.new("RGB", (16_000, 300))
    assert fit_picture(strip, 224) is strip


def test_decoders__metadata_travels_whole(decoders: Decoders, pictures: Any, jpeg: bytes, limits: Limits) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0132] = "A café at noon", "2024:05:01 12:30:00"
    data = pictures.encode(Image.open(io.BytesIO(jpeg)), exif=exif)

    _, metadata = decoders.inspect(data, limits)

    assert metadata == read_metadata(data, limits)
    assert [one.moment.isoformat() for one in metadata.dates] == ["2024-05-01T12:30:00"]


def test_decoders__errors_keep_their_codes(decoders: Decoders, pictures: Any, jpeg: bytes) -> None:
    coffee = pictures.photograph("coffee.png")
    for data, limits, error in (
        (b"words", make_limits(), UnsupportedFormat),
        (coffee[: len(coffee) // 2], make_limits(), ImageTruncated),
        (coffee, make_limits(max_pixels=1000), TooManyPixels),
    ):
        with pytest.raises(error) as there:
            decoders.inspect(data, limits)
        with pytest.raises(error) as here:
            inspect_picture(data, limits)
        assert str(there.value) == str(here.value)
    with pytest.raises(TooManyPixels):
        decoders.decode(coffee, make_limits(max_pixels=1000))
    assert decoders.inspect(jpeg, make_limits())[0].width == 256


@pytest.mark.parametrize(
    ("word", "told"),
    [("segfault", "SIGSEGV"), ("abort", "SIGABRT"), ("exit", "status 7"), ("bug", "LookupError: no such table")],
)
def test_decoders__a_crash_takes_nothing_along(
    make_poisoned: Callable[..., Decoders], jpeg: bytes, limits: Limits, word: str, told: str
) -> None:
    decoders = make_poisoned()
    for _ in range(2):
        with pytest.raises(DecodeCrash, match=told) as caught:
            decoders.inspect(poison(jpeg, word), limits)
        assert caught.value.code == "decode_crash"
        assert decoders.inspect(jpeg, limits)[0].width == 256


@pytest.mark.parametrize("word", ["stall", "deaf"])
def test_decoders__a_stall_is_ended(
    make_poisoned: Callable[..., Decoders], jpeg: bytes, limits: Limits, tmp_path: Path, word: str
) -> None:
    begun = tmp_path / "begun"
    timers: list[float] = []
    lived: list[bool] = []

    def end_what_stalls(seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        timers.append(seconds)
        over = threading.Event()

        def run() -> None:
            wait_for(lambda: begun.exists() or over.is_set(), every_seconds=0.01)
            if not over.is_set():
                lived.append(is_alive(pid))
                call()

        threading.Thread(target=run, daemon=True).start()
        return over.set

    decoders = make_poisoned(seconds=600.0, start_timer=end_what_stalls)
    decoders.start()
    (pid,) = decoders.pids()
    timers.clear()

    with pytest.raises(DecodeCrash, match="longer than 600 seconds"):
        decoders.inspect(poison(jpeg, f"{word} {begun}"), limits)

    assert timers == [600.0]
    assert lived == [True]  # it was the timer that ended it
    assert not is_alive(pid)
    begun.unlink()
    assert decoders.inspect(jpeg, limits)[0].width == 256


def test_decoders__a_real_picture_that_takes_too_long(pictures: Any, limits: Limits) -> None:
    data = pictures.encode(Image.effect_noise((3000, 2000), 90).convert("RGB"), "PNG", compress_level=1)
    slow = Decoders(processes=1, seconds=0.05, memory_bytes=512 * MEBIBYTE)
    try:
        with pytest.raises(DecodeCrash, match=r"longer than 0\.05 second"):
            slow.decode(data, limits, derive=True)
    finally:
        slow.close()


def test_decoders__a_real_picture_that_takes_too_much_memory(pictures: Any, jpeg: bytes, limits: Limits) -> None:
    """Within the limit of pixels: 36 million cost 144 MB as Pillow keeps them, and a file of 100 kB says so."""
    bomb = pictures.encode(Image.new("RGB", (6000, 6000), "teal"), "PNG")
    assert len(bomb) < 200_000
    small = Decoders(processes=1, seconds=20, memory_bytes=100 * MEBIBYTE)
    try:
        with pytest.raises(DecodeCrash, match="more than 100 MiB of memory"):
            small.decode(bomb, limits)
        assert small.inspect(jpeg, limits)[0].width == 256
    finally:
        small.close()


def test_decoders__the_default_memory_suffices_for_the_largest_picture(pictures: Any, limits: Limits) -> None:
    from backend.settings import Settings

    enough = Settings.model_fields["decode_memory_bytes"].default
    largest = Image.new("RGBA", (10_000, 5_000), (0, 128, 128, 128))
    exif = Image.Exif()
    exif[0x0112] = 6
    decoders = Decoders(processes=1, seconds=60, memory_bytes=enough)
    try:
        found = decoders.decode(pictures.encode(largest, "PNG", exif=exif), limits, fit=224, derive=True)
    finally:
        decoders.close()
    assert found.image.size == (224, 448)


def test_decoders__memory_is_bounded(make_poisoned: Callable[..., Decoders], jpeg: bytes, limits: Limits) -> None:
    decoders = make_poisoned(memory_bytes=128 * MEBIBYTE)
    assert decoders.inspect(poison(jpeg, f"memory {64 * MEBIBYTE}"), limits)[0].width == 256
    with pytest.raises(DecodeCrash, match="more than 128 MiB of memory"):
        decoders.inspect(poison(jpeg, f"memory {256 * MEBIBYTE}"), limits)
    assert decoders.inspect(jpeg, limits)[0].width == 256


def test_decoders__killed_in_the_middle_costs_the_file_nothing(
    make_poisoned: Callable[..., Decoders], jpeg: bytes, limits: Limits, tmp_path: Path
) -> None:
    """What is killed for another's sake is not held against the file that it happened to read."""
    assert make_poisoned().inspect(poison(jpeg, f"once {tmp_path / 'mark'}"), limits)[0].width == 256
    assert (tmp_path / "mark").exists()


def test_decoders__killed_or_stopped_from_outside(
    make_poisoned: Callable[..., Decoders], jpeg: bytes, limits: Limits
) -> None:
    decoders = make_poisoned(seconds=4.0)  # long enough for a good picture on a busy machine
    decoders.start()
    os.kill(decoders.pids()[0], signal.SIGKILL)
    assert decoders.inspect(jpeg, limits)[0].width == 256
    os.kill(decoders.pids()[0], signal.SIGSTOP)
    with pytest.raises(DecodeCrash, match="longer than"):
        decoders.inspect(jpeg * 400, limits)  # more than fits into a pipe that nobody reads
    assert decoders.inspect(jpeg, limits)[0].width == 256


def test_decoders__ctrl_c_and_terminate_are_the_parents_business(
    make_poisoned: Callable[..., Decoders], jpeg: bytes, limits: Limits
) -> None:
    decoders = make_poisoned()
    decoders.start()
    before = decoders.pids()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(before[0], number)
    assert decoders.inspect(jpeg, limits)[0].width == 256
    assert decoders.pids() == before


def test_decoders__side_by_side_and_never_mixed_up(
    make_poisoned: Callable[..., Decoders], pictures: Any, limits: Limits
) -> None:
    """Poison among good files, from more threads than there are decoders: each gets its own answer."""
    decoders = make_poisoned(processes=2)

    def ask(number: int) -> int | str:
        data = pictures.encode(Image.new("RGB", (10 + number, 20)))
        try:
            return decoders.inspect(poison(data, "exit") if number % 4 == 3 else data, limits)[0].width
        except DecodeCrash as error:
            return error.code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(24)))

    assert answers == ["decode_crash" if number % 4 == 3 else 10 + number for number in range(24)]
    assert len(decoders.pids()) <= 2


def test_decoders__what_libraries_print_is_no_answer(
    make_poisoned: Callable[..., Decoders], jpeg: bytes, limits: Limits
) -> None:
    assert make_poisoned().inspect(poison(jpeg, "noise"), limits)[0].width == 256


def test_decoders__no_secrets_no_files(
    make_poisoned: Callable[..., Decoders],
    jpeg: bytes,
    limits: Limits,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@host/db")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    decoders = make_poisoned()
    with pytest.raises(DecodeCrash) as caught:
        decoders.inspect(poison(jpeg, "environment"), limits)
    assert "PATH" in str(caught.value)
    assert "DATABASE_URL" not in str(caught.value)
    assert "AWS" not in str(caught.value)
    with pytest.raises(DecodeCrash):
        decoders.inspect(poison(jpeg, f"write {tmp_path / 'file'}"), limits)
    assert not (tmp_path / "file").exists() or not (tmp_path / "file").read_bytes()


def test_decoders__busy_for_too_long(
    make_poisoned: Callable[..., Decoders],
    jpeg: bytes,
    limits: Limits,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("backend.files.decoding.decoders._PATIENCE_SECONDS", 0.1 - PATIENCE_SECONDS)
    decoders, mark = make_poisoned(seconds=PATIENCE_SECONDS), tmp_path / "mark"
    with ThreadPoolExecutor(1) as pool:
        stalled = pool.submit(decoders.inspect, poison(jpeg, f"stall_once {mark}"), limits)
        wait_for(mark.exists)
        with pytest.raises(BackendUnavailable, match="busy"):
            decoders.inspect(jpeg, limits)
        os.kill(decoders.pids()[0], signal.SIGKILL)  # the file is read again, and does not stall any more
        assert stalled.result()[0].width == 256


def test_decoders__cannot_start() -> None:
    with pytest.raises(BackendUnavailable, match="cannot be started"):
        Decoders(processes=1, seconds=1, memory_bytes=MEBIBYTE, work="no_such_module:work").start()


def are_gone(pids: list[int]) -> bool:
    return not any(map(is_alive, pids))


def test_decoders__end_with_whoever_had_them() -> None:
    """Neither an exit nor a kill of the parent leaves a decoder behind."""
    for ending in ("", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"):
        script = (
            "from backend.files.decoding.decoders import Decoders\n"
            "d = Decoders(processes=2, seconds=5, memory_bytes=2**29); d.start(); print(*d.pids(), flush=True)\n"
        )
        ran = subprocess.run(
            [sys.executable, "-c", script + ending], capture_output=True, text=True, check=False, timeout=60
        )
        pids = [int(pid) for pid in ran.stdout.split()]
        assert len(pids) == 2, ran.stderr
        wait_for(partial(are_gone, pids))


def test_decoders__know_no_torch_and_start_soon() -> None:
    script = "import sys; import backend.files.decoding.child, backend.files.decoding.work; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert not loaded & {"torch", "sqlalchemy", "psycopg", "celery", "backend.settings"}
    assert "backend.files.decoding.pixels" in loaded


def test_decoders__200_megapixels_fit_into_little_memory(pictures: Any) -> None:
    """A JPEG is shrunk while it is loaded. Pillow would warn of a bomb, and 200 MB of grey pixels alone take 200 MB."""
    data = pictures.encode(Image.new("L", (16_320, 12_240), 90))
    limits = make_limits(max_pixels=268_000_000)
    decoders = Decoders(processes=1, seconds=30.0, memory_bytes=96 * MEBIBYTE)
    try:
        inspection, _ = decoders.inspect(data, limits)
        found = decoders.decode(data, limits, at_least=640, fit=224, derive=True)
    finally:
        decoders.close()

    assert (inspection.width, inspection.height) == (16_320, 12_240)
    assert found.image.size == (298, 224)
    assert found.image.getpixel((5, 5)) == (90, 90, 90)
    with pytest.raises(TooManyPixels):
        inspect_picture(data, make_limits())


def test_inspect__warnings_come_out_of_the_process(decoders: Decoders, pictures: Any, limits: Limits) -> None:
    data = pictures.encode(pictures.corners(), "WEBP", icc_profile=b"not a profile")

    inspection, _ = decoders.inspect(data, limits)

    assert inspection == inspect_picture(data, limits)
    assert [warning.code for warning in inspection.warnings] == ["color_profile_ignored"]
