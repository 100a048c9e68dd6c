"""A busy library for the screenshot of Operations: `mediacluster up` in a home of its own, with incoming pictures."""

import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image

from backend.demo.gallery import write_gallery

ROOT = Path(__file__).resolve().parent.parent
# Enough for the charts, which have one point per minute.
_WORK_SECONDS = 9 * 60
_PICTURE_COUNT = 400
_STRETCH = 40
_BRISK_SECONDS, _CALM_SECONDS = 1.0, 3.0
# Interval of pictures that cannot be decoded.
_BROKEN_EVERY = 45
# Between these pictures, processing is paused and uploads wait.
_PAUSE_AT, _RESUME_AT = 100, 140
_START_SECONDS = 240
_STOP_SECONDS = 60


class LibraryAtWork:
    """Uploads pictures to a running library until it is stopped, fast and slow by turns, with a pause in between."""

    def __init__(self, url: str, environment: dict[str, str], gallery: Path) -> None:
        self.url = url
        self._environment = environment
        self._pictures = sorted(gallery.glob("*.jpg"))
        self._ready_at = time.monotonic() + _WORK_SECONDS
        self._stopped = threading.Event()
        self._feeder = threading.Thread(target=self._feed, name="feeder", daemon=True)

    def start(self) -> None:
        self._feeder.start()

    def stop(self) -> None:
        self._stopped.set()
        self._feeder.join()

    def wait_until_charts_are_full(self) -> None:
        """Wait until the charts have enough points.

        Raises:
            SystemExit: no more pictures arrive.
        """
        time.sleep(max(0.0, self._ready_at - time.monotonic()))
        if not self._feeder.is_alive():
            raise SystemExit("The pictures for the operations page ran out, or could not be uploaded.")

    def _feed(self) -> None:
        with httpx.Client(base_url=self.url, timeout=60) as client:
            for number, picture in enumerate(self._pictures, start=1):
                if number in {_PAUSE_AT, _RESUME_AT}:
                    run_command(self._environment, "pause" if number == _PAUSE_AT else "resume")
                is_broken = number % _BROKEN_EVERY == 0
                content = truncate_pixels(picture) if is_broken else picture.read_bytes()
                client.post("/media", files={"file": (picture.name, content)}).raise_for_status()
                is_brisk = number // _STRETCH % 2 == 0
                if self._stopped.wait(_BRISK_SECONDS if is_brisk else _CALM_SECONDS):
                    return


def truncate_pixels(picture: Path) -> bytes:
    """The picture as a PNG whose pixel data ends halfway. It is well-formed otherwise, so only a decoder notices."""
    with Image.open(picture) as image:
        size, pixels = image.size, image.convert("RGB").tobytes()
    row_bytes = 3 * size[0]
    rows = b"".join(b"\0" + pixels[begin : begin + row_bytes] for begin in range(0, len(pixels), row_bytes))
    compressed = zlib.compress(rows)
    head = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", compressed[: len(compressed) // 2]), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
        for kind, payload in chunks
    )


@contextmanager
def library_at_work() -> Iterator[LibraryAtWork]:
    """Run a library with `mediacluster up` on a free loopback port. It is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="mediacluster-") as name:
        home = Path(name)
        home.chmod(0o755)  # the database server may run as another user, who needs access
        environment = _environment_of(home)
        write_gallery(home / "gallery", _PICTURE_COUNT)
        port = _find_port()
        with (home / "up.log").open("wb") as log:
            server = subprocess.Popen(  # noqa: S603 - a command of ours
                _command("up", "--port", str(port)), cwd=home, env=environment, stdout=log, stderr=log
            )
            try:
                url = f"http://127.0.0.1:{port}"
                _wait_until_ready(server, url, home / "up.log")
                library = LibraryAtWork(url, environment, home / "gallery")
                library.start()
                try:
                    yield library
                finally:
                    library.stop()
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(_STOP_SECONDS)


def run_command(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run(_command(*arguments), cwd=environment["MEDIACLUSTER_HOME"], env=environment, check=True)  # noqa: S603 - a command of ours


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "backend.cli", *arguments]


def _environment_of(home: Path) -> dict[str, str]:
    """The environment, without settings of another library."""
    names = ("MEDIACLUSTER_", "DATABASE_URL", "REDIS_URL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "MEDIACLUSTER_HOME": str(home),
        "MEDIACLUSTER_PRESET": "demo",
        "MEDIACLUSTER_AUTHENTICATION": "none",
    }


def _find_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            if httpx.get(f"{url}/health/ready", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise SystemExit(f"The library did not start:\n{log.read_text(encoding='utf-8')}")
