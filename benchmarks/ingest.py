# ruff: noqa: INP001 - scripts, not a package
"""From the upload of 12-megapixel JPEGs until each is in its group, beside what encoding them alone takes.

    python -m benchmarks.ingest
    python -m benchmarks.ingest --pictures 1000 --json

Everything is real: validation, storage, Postgres, decoder processes, thumbnails, hashes, embeddings of picture, text and caption, assignment.
The image encoder is ViT-B/32 with random weights (speed does not depend on them), the text encoder the packaged MiniLM.
Uploads come from another process, as from a server beside the worker. *encoding alone*: the same encoders on the same pictures and words,
decoded and shrunk before the clock starts, in batches of the same size. On a machine whose cores the encoder fills by
itself, decoding cannot hide behind it: the ratio then says which share of the work encoding is.
"""

import argparse
import io
import json
import logging
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import psutil
import sqlalchemy as sa
import torch
from PIL import Image
from safetensors.torch import save_file

from backend.bootstrap import build_services
from backend.commands.running import prepare_database
from backend.db.tables import Space
from backend.embedded import ensure_servers, stop_servers
from backend.embedding.presets import PRESETS
from backend.ingest.text import MediaText, embedding_text
from backend.pipeline.assign import Assigner
from backend.pipeline.embed import embed_waiting
from backend.pipeline.intake import accept_picture
from backend.pipeline.space import open_active_space
from backend.services import Services
from backend.settings import Settings, load_settings
from benchmarks.frame import Row

_SIZE = (4000, 3000)
_QUALITY = 88
_MEBIBYTE = 1024 * 1024
_CAPTIONS = ("A small boat in a harbour at dusk", "Fog over the hills behind the village", "Two cats on a wall")


@dataclass(frozen=True)
class Result:
    """Pictures a second, and resident memory in MiB of worker and decoders at each tenth of the way."""

    pictures: int
    whole_per_second: float
    encoding_per_second: float
    memory_mib: list[int]


def run(scale: float) -> Iterator[Row]:
    """The rows of `make bench`."""
    result = measure(round(48 * scale))
    note = f"{result.pictures} JPEGs of 12 MP; ViT-B/32 with random weights and MiniLM"
    yield Row(
        "from upload to ready",
        result.whole_per_second,
        "pictures/s",
        "more",
        "encoding alone",
        result.encoding_per_second,
        "worker and decoders in MiB, middle and end",
        result.memory_mib[len(result.memory_mib) // 2],
        result.memory_mib[-1],
        note,
    )


def measure(pictures: int) -> Result:
    """Take pictures in and bring them to ready, in a library of its own."""
    home = Path(tempfile.mkdtemp(prefix="mediacluster-benchmark-"))
    home.chmod(0o755)
    try:
        settings = _settings(home)
        prepare_database(settings)
        services = build_services(settings)
        space = open_active_space(services)
        services.encoders.load()
        services.decoders.start()
        encoding = _encode_alone(services, min(pictures, 48))
        seconds, memory = _bring_to_ready(services, space, pictures)
        services.database.dispose()
        return Result(pictures, pictures / seconds, encoding, memory)
    finally:
        stop_servers(home)
        shutil.rmtree(home, ignore_errors=True)


def _settings(home: Path) -> Settings:
    logging.disable(logging.WARNING)  # that the weights are random
    torch.manual_seed(0)
    checkpoint = home / "random.safetensors"
    save_file(
        {name: value.contiguous() for name, value in open_clip.create_model("ViT-B-32").state_dict().items()},
        checkpoint,
    )
    logging.disable(logging.NOTSET)
    ensure_servers(home)
    return load_settings(
        home=home,
        preset=None,
        image_model="ViT-B-32",
        image_checkpoint=str(checkpoint),
        text_model=PRESETS["demo"].text_model,
        max_body_bytes=50 * _MEBIBYTE,
    )


def _encode_alone(services: Services, pictures: int) -> float:
    fit = services.encoders.image.first_resize
    images = [
        services.decoders.decode(_jpeg(seed), services.limits, at_least=640, fit=fit).image for seed in range(pictures)
    ]
    size = services.settings.embed_batch_size
    begun = time.perf_counter()
    for start in range(0, pictures, size):
        texts = [_text(seed) for seed in range(start, min(start + size, pictures))]
        services.encoders.image.embed_pictures(images[start : start + size])
        services.encoders.image.embed_words([text.caption for text in texts])
        services.encoders.text.embed_texts([embedding_text(text) for text in texts])
    return pictures / (time.perf_counter() - begun)


def _bring_to_ready(services: Services, space: Space, pictures: int) -> tuple[float, list[int]]:
    context = multiprocessing.get_context("spawn")
    assigner, memory = Assigner(services, space), [_memory(services)]
    go = context.Event()
    sender = context.Process(target=_upload, args=(services.settings.model_dump(), pictures, go))
    sender.start()
    go.wait()
    begun, ready = time.perf_counter(), 0
    while ready < pictures:
        if not embed_waiting(services, space, budget_seconds=4.0, on_recorded=assigner.assign_waiting):
            time.sleep(0.02)
        with services.database.transaction() as session:
            ready = session.execute(sa.text("SELECT count(*) FROM media WHERE status = 'ready'")).scalar_one()
        if len(memory) <= 10 * ready / pictures:
            memory.append(_memory(services))
    seconds = time.perf_counter() - begun
    sender.join()
    return seconds, memory


def _upload(settings: dict[str, Any], pictures: int, go: Any) -> None:
    """Take the pictures in, as the server does, from a process of its own. They are drawn before: a few that are made
    different by a comment, so that none is a duplicate."""
    services = build_services(load_settings(**settings))
    services.decoders.start()
    drawn = [_jpeg(seed) for seed in range(min(pictures, 12))]
    go.set()
    for seed in range(pictures):
        base = drawn[seed % len(drawn)]
        comment = b"\xff\xfe" + (2 + 8).to_bytes(2, "big") + f"{seed:08}".encode()
        accept_picture(services, base[:2] + comment + base[2:], _text(seed), source="benchmark", ring=False)
    services.decoders.close()
    services.database.dispose()


def _jpeg(seed: int) -> bytes:
    """Large shapes under grain: a file of 3 MB, as cameras make them."""
    random = np.random.default_rng(seed)
    shapes = Image.fromarray(random.integers(0, 255, (9, 12, 3), dtype=np.uint8)).resize(
        _SIZE, Image.Resampling.BICUBIC
    )
    grain = random.normal(0, 6, (_SIZE[1], _SIZE[0], 1)).astype(np.int16)
    pixels = np.clip(np.asarray(shapes).astype(np.int16) + grain, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _text(seed: int) -> MediaText:
    return MediaText(title=f"Picture {seed}", caption=f"{_CAPTIONS[seed % 3]}, number {seed}")


def _memory(services: Services) -> int:
    pids = [os.getpid(), *services.decoders.pids()]
    return round(sum(psutil.Process(pid).memory_info().rss for pid in pids) / _MEBIBYTE)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    result = measure(options.pictures)
    if options.json:
        sys.stdout.write(json.dumps(asdict(result), indent=2) + "\n")
    else:
        share = result.whole_per_second / result.encoding_per_second
        sys.stdout.write(f"{result.pictures} pictures: {result.whole_per_second:.1f}/s from upload to ready, ")
        sys.stdout.write(
            f"{result.encoding_per_second:.1f}/s encoding alone ({share:.0%}); memory {result.memory_mib} MiB\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
