# ruff: noqa: INP001 - scripts, not a package
"""A batch split over parallel streams, as workers encode it, compared with one stream on all threads: alone, and beside a process
that decodes pictures half of the time.

    python -m benchmarks.streams --model ViT-L-14 --rounds 4

Both use the same encoder with the same random weights (speed does not depend on them), in turn.
"""

import argparse
import io
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from backend.demo.gallery import render_gallery
from backend.encoders import load_encoders, resolve_encoders
from backend.settings import load_settings
from benchmarks.frame import Outcome, Row, render_table

_MODEL = "ViT-B-32"
_PICTURES, _SIZE_PIXELS = 16, 320
_ROUNDS = 8
_CYCLE_SECONDS, _BUSY = 0.2, 0.5

Encode = Callable[[], object]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=_MODEL, help="an architecture of OpenCLIP")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="batches of each")
    options = parser.parse_args(arguments)
    sys.stdout.write(render_table([Outcome("streams", list(measure(options.model, options.rounds)), 0.0)]))
    return 0


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`."""
    return measure(_MODEL, int(_ROUNDS * scale))


def measure(model: str, rounds: int) -> Iterator[Row]:
    """Two rows: alone, and beside decoding."""
    with tempfile.TemporaryDirectory() as folder:
        streams, together = _load(Path(folder), model)
        for beside, circumstances in ((False, "alone"), (True, f"beside decoding {_BUSY:.0%} of the time")):
            with _decoding(beside):
                ours, theirs = _take_turns((streams, together), rounds)
            yield Row(
                f"{model}, {_PICTURES} pictures, {circumstances}",
                _PICTURES / ours,
                "a second",
                "more",
                "all threads on each product",
                _PICTURES / theirs,
                note=f"random weights, {torch.get_num_threads()} threads; medians",
            )


def _load(folder: Path, model: str) -> tuple[Encode, Encode]:
    import open_clip
    from safetensors.torch import save_model

    checkpoint = folder / "random.safetensors"
    save_model(open_clip.create_model(model), str(checkpoint))
    settings = load_settings(_env_file=None, preset="demo", image_model=model, image_checkpoint=str(checkpoint))
    encoder = load_encoders(settings, resolve_encoders(settings)).image
    images = [picture.image for picture in render_gallery(_PICTURES, seed=0, size=_SIZE_PIXELS)]

    @torch.inference_mode()
    def together() -> object:
        return encoder.picture_tower(encoder.prepare_pictures(images))

    return lambda: encoder.embed_pictures(images), together


def _take_turns(ways: Sequence[Encode], rounds: int) -> list[float]:
    """Median seconds of each variant, after a warm-up."""
    seconds: list[list[float]] = [[] for _ in ways]
    for number in range(rounds + 1):
        for way, taken in zip(ways, seconds, strict=True):
            begun = time.perf_counter()
            way()
            if number:
                taken.append(time.perf_counter() - begun)
    return [median(taken) for taken in seconds]


@contextmanager
def _decoding(beside: bool) -> Iterator[None]:
    if not beside:
        yield
        return
    process = multiprocessing.get_context("spawn").Process(target=_decode_half_of_the_time, daemon=True)
    process.start()
    time.sleep(2)  # time for its imports and its picture
    try:
        yield
    finally:
        process.kill()
        process.join()


def _decode_half_of_the_time() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (750, 1000, 3), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(noise).resize((4000, 3000)).save(written, "JPEG", quality=88)
    while True:
        begun, used = time.perf_counter(), time.process_time()
        while time.process_time() - used < _BUSY * _CYCLE_SECONDS:
            with Image.open(io.BytesIO(written.getvalue())) as picture:
                picture.draft(None, (2000, 1500))
                picture.load()
        time.sleep(max(0.0, begun + _CYCLE_SECONDS - time.perf_counter()))


if __name__ == "__main__":
    sys.exit(main())
