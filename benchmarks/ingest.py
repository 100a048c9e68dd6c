# ruff: noqa: INP001 - scripts, not a package
"""From POST to ready: 12-megapixel JPEGs through `mediacluster up`, compared with encoding alone, and memory of all processes.

    python -m benchmarks.ingest --pictures 1000
    python -m benchmarks.ingest --model ViT-L-14 --pictures 96
    python -m benchmarks.ingest --model ViT-L-14 --device cuda --batch-size 64

All features are enabled, as in a new library: upload checks, decoding, thumbnails, hash, both encoders and assignment, on servers of
its own. Pictures are encoded by ViT-B-32 or another OpenCLIP architecture with random weights (speed does not depend on them), texts
by MiniLM and, as captions, by the architecture's own tower. *Encoding alone* runs all of these over the same pictures, decoded and
resized beforehand, and the same texts: the mean of before and after, in the same run.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import httpx
import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from backend.embedded import ensure_servers, stop_servers
from backend.encoders import load_encoders, resolve_encoders
from backend.settings import load_settings
from backend.store.engine import Database
from backend.store.media import count_media_by_status
from backend.store.schema import MediaStatus
from benchmarks.frame import Row

_MODEL = "ViT-B-32"
_PICTURES = 48
_MOST_ALONE = 128
_WIDTH, _HEIGHT = 4000, 3000
_PIXELS = 224
_CLIENTS = 4
_START_SECONDS, _READY_SECONDS = 120.0, 3600.0
_LOOK_EVERY_SECONDS = 0.5
# Measuring ten processes takes some milliseconds on the cores under test.
_WEIGH_EVERY_SECONDS = 5.0
_QUALITY = 88
_BOUNDARY = "a-picture-and-its-title"
# Details of every size, as in a photograph: the number of them side by side, and their strength.
_DETAILS = ((8, 60), (40, 40), (200, 25), (1000, 12))


@dataclass(frozen=True)
class Encoding:
    """Image model, device and batch size."""

    model: str = _MODEL
    device: str = "cpu"
    batch_size: int = 16

    def settings(self, checkpoint: Path) -> dict[str, str]:
        """Settings by variable name, without the prefix."""
        return {
            "preset": "demo",
            "image_model": self.model,
            "image_checkpoint": str(checkpoint),
            "device": self.device,
            "embed_batch_size": str(self.batch_size),
        }


@dataclass(frozen=True)
class Outcome:
    """Rates per second, and memory of all processes except database and broker, early (after a quarter was ready) and late."""

    pictures: int
    ready_a_second: float
    encoded_a_second: float
    early_bytes: int
    late_bytes: int

    @property
    def share(self) -> float:
        """Rate relative to encoding alone."""
        return self.ready_a_second / self.encoded_a_second


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=_PICTURES)
    parser.add_argument("--model", default=_MODEL, help="an architecture of OpenCLIP")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=16, help="pictures encoded at once")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    outcome = measure(options.pictures, Encoding(options.model, options.device, options.batch_size))
    if options.json:
        sys.stdout.write(json.dumps(asdict(outcome) | {"share": outcome.share}, indent=2) + "\n")
        return 0
    sys.stdout.write(
        f"{outcome.pictures} pictures: {outcome.ready_a_second:.2f} ready a second, {outcome.encoded_a_second:.2f} encoded alone: "
        f"{outcome.share:.0%}; memory {outcome.early_bytes / 1e6:.0f} MB early, {outcome.late_bytes / 1e6:.0f} MB late\n"
    )
    return 0


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`."""
    outcome = measure(int(_PICTURES * scale), Encoding())
    yield Row(
        f"{outcome.pictures} JPEGs of 12 megapixels, from POST to ready",
        outcome.ready_a_second,
        "a second",
        "more",
        "encoding alone, decoded beforehand",
        outcome.encoded_a_second,
        note="ViT-B-32 with random weights; both share the processor's cores",
    )
    yield Row(
        "memory of API and workers at the end",
        outcome.late_bytes / 1e6,
        "MB",
        "less",
        "after a quarter of the pictures",
        outcome.early_bytes / 1e6,
    )


def measure(count: int, encoding: Encoding) -> Outcome:
    """Measure encoding alone in this process, before and after the whole pipeline in the product's own processes."""
    with tempfile.TemporaryDirectory(prefix="mediacluster-benchmark-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # the server may run as another user, who needs access
        settings = encoding.settings(_make_checkpoint(home, encoding.model))
        files = _make_pictures(home, count + 1)
        alone = _Alone(settings, files[:_MOST_ALONE])
        before = alone.measure()
        with _product(home, settings) as (base_url, process):
            database = Database(ensure_servers(home).database_url)
            _upload(base_url, files[count])
            _wait_until_ready(database, 1)
            memory = _Memory(process)
            begun = time.perf_counter()
            with ThreadPoolExecutor(_CLIENTS) as pool:
                sent = [pool.submit(_upload, base_url, file) for file in files[:count]]
                _wait_until_ready(database, 1 + count // 4)
                early = memory.most()
                for one in sent:
                    one.result()
            _wait_until_ready(database, 1 + count)
            seconds = time.perf_counter() - begun
            late = memory.most()
            memory.stop()
            database.dispose()
        return Outcome(count, count / seconds, (before + alone.measure()) / 2, early, late)


class _Memory:
    """Peak memory of a process and its children since it was last read."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._most = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._thread.start()

    def most(self) -> int:
        self._weigh()
        most, self._most = self._most, 0
        return most

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ending.wait(_WEIGH_EVERY_SECONDS):
            self._weigh()

    def _weigh(self) -> None:
        total = 0
        for one in (self._process, *self._process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                # Proportional set size: shared pages count once.
                total += one.memory_full_info().pss
        self._most = max(self._most, total)


@contextmanager
def _product(home: Path, settings: dict[str, str]) -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MEDIACLUSTER_", "DATABASE_URL", "REDIS_URL"))
    }
    settings = settings | {"home": str(home), "authentication": "none", "log_level": "WARNING"}
    environment = own | {f"MEDIACLUSTER_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "backend.cli", "up", "--port", str(port)]
    with (home / "up.log").open("wb") as log:
        product = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603
    try:
        _wait_until_up(product, f"http://127.0.0.1:{port}", home / "up.log")
        yield f"http://127.0.0.1:{port}", psutil.Process(product.pid)
    finally:
        product.send_signal(signal.SIGTERM)
        try:
            product.wait(timeout=60)
        finally:
            product.kill()
            stop_servers(home)


def _wait_until_up(product: "subprocess.Popen[bytes]", base_url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and product.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{base_url}/health/ready", timeout=10, trust_env=False).is_success:
                return
        time.sleep(_LOOK_EVERY_SECONDS)
    raise RuntimeError(f"The product did not come up: {log.read_text(encoding='utf-8')[-2000:]}")


def _wait_until_ready(database: Database, count: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        with database.transaction() as session:
            counts = count_media_by_status(session)
        if counts[MediaStatus.FAILED]:
            raise RuntimeError(f"Some have failed: {counts}")
        if counts[MediaStatus.READY] >= count:
            return
        time.sleep(_LOOK_EVERY_SECONDS)
    raise RuntimeError(f"Of {count} not all were ready after {_READY_SECONDS:.0f} s.")


def _upload(base_url: str, file: Path) -> None:
    """Upload as cheaply as possible, because a real client would not run on the server's cores."""
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="title"\r\n\r\n{_title(file)}\r\n'
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = b"".join((head.encode(), file.read_bytes(), f"\r\n--{_BOUNDARY}--\r\n".encode()))
    connection = HTTPConnection(base_url.removeprefix("http://"), timeout=300)
    with closing(connection):
        connection.request("POST", "/media", body, {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"})
        answer = connection.getresponse()
        if answer.status != HTTPStatus.ACCEPTED:
            raise RuntimeError(f"{answer.status}: {answer.read()!r}")


class _Alone:
    """All encoders, over decoded and resized pictures and their titles, in batches like those of workers."""

    def __init__(self, settings: dict[str, str], files: Sequence[Path]) -> None:
        loaded = load_settings(_env_file=None, **settings)
        self._batch_size = loaded.embed_batch_size
        self._encoders = load_encoders(loaded, resolve_encoders(loaded))
        self._titles = [_title(file) for file in files]
        self._pictures = []
        for file in files:
            with Image.open(file) as picture:
                picture.draft(None, (2 * _PIXELS, 2 * _PIXELS))
                self._pictures.append(picture.resize((_PIXELS * picture.width // picture.height, _PIXELS)))

    def measure(self) -> float:
        """Pictures per second."""
        self._encode(0)  # warm-up
        begun = time.perf_counter()
        for start in range(0, len(self._pictures), self._batch_size):
            self._encode(start)
        return len(self._pictures) / (time.perf_counter() - begun)

    def _encode(self, start: int) -> None:
        batch = slice(start, start + self._batch_size)
        self._encoders.image.embed_pictures(self._pictures[batch])
        self._encoders.text.embed_texts(self._titles[batch])
        self._encoders.image.embed_words(self._titles[batch])


def _make_checkpoint(folder: Path, model: str) -> Path:
    import open_clip
    from safetensors.torch import save_model

    checkpoint = folder / "random.safetensors"
    save_model(open_clip.create_model(model), str(checkpoint))
    return checkpoint


def _make_pictures(home: Path, count: int) -> list[Path]:
    """Different pictures of about 2.5 MB: parts of a large drawing, moved around."""
    (home / "pictures").mkdir()
    generator = np.random.default_rng(5)
    drawing = generator.normal(128, 3, (_HEIGHT, _WIDTH, 3)).astype(np.float32)
    for across, strength in _DETAILS:
        waves = generator.normal(0, strength, (across * _HEIGHT // _WIDTH, across, 3)).astype(np.float32)
        for band in range(3):
            enlarged = Image.fromarray(waves[..., band]).resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC)
            drawing[..., band] += np.asarray(enlarged)
    pixels = np.clip(drawing, 0, 255).astype(np.uint8)

    def save(number: int, moved_by: NDArray[np.int64]) -> Path:
        path = home / "pictures" / f"{number}.jpg"
        Image.fromarray(np.roll(pixels, tuple(moved_by), axis=(0, 1))).save(path, "JPEG", quality=_QUALITY)
        return path

    moves = generator.integers(0, (_HEIGHT, _WIDTH), (count, 2))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the encoder releases the GIL
        return list(pool.map(save, range(count), moves))


def _title(file: Path) -> str:
    return f"A harbour in the evening, seen from quay {file.stem}"


if __name__ == "__main__":
    sys.exit(main())
