"""Train the demo image model on rendered pictures, and print its figures as JSON.

python -m backend.demo.training                  # renders, trains, writes backend/demo/model, measures
python -m backend.demo.training --evaluate-only  # measures what is there
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import open_clip
import torch

from backend.demo.training.evaluation import Encoder, measure
from backend.demo.training.learning import train
from backend.demo.training.model import build_tokenizer, configuration, write_configuration, write_directory
from backend.demo.training.texts import tokenizer_corpus
from backend.demo.training.world import load_world

MODEL_FOLDER = Path(__file__).resolve().parents[1] / "model"


def main() -> None:
    """Parse the arguments and do as they say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=MODEL_FOLDER, help="the model directory")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path.home() / ".cache/mediacluster/demo-training",
        help="rendered training pictures",
    )
    parser.add_argument("--count", type=int, default=6000, help="training pictures")
    parser.add_argument("--steps", type=int, default=700, help="training steps of 192 pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate-only", action="store_true", help="measure the model that is there")
    options = parser.parse_args()
    # Two threads are no faster on convolutions this small, and several times slower when the cores are shared.
    torch.set_num_threads(1)
    report: dict[str, object] = {}
    if not options.evaluate_only:
        report |= _train(options.folder, options.cache, options.count, options.steps, options.seed)
    encoder = Encoder(options.folder)
    report["bytes"] = sum(file.stat().st_size for file in options.folder.iterdir())
    report["weights_bytes"] = (options.folder / "open_clip_model.safetensors").stat().st_size
    report["parameters"] = sum(p.numel() for p in encoder.model.parameters())
    report["held_out"] = [measure(encoder, 0), measure(encoder, 7)]
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


def _train(folder: Path, cache: Path, count: int, steps: int, seed: int) -> dict[str, object]:
    started = time.monotonic()
    world = load_world(cache, count, seed)
    rendering_seconds = time.monotonic() - started
    tokenizer = build_tokenizer(tokenizer_corpus(seed))
    config = configuration(len(tokenizer))
    write_configuration(folder, config, tokenizer)
    torch.manual_seed(seed)
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}", load_weights=False)
    model.to(memory_format=torch.channels_last)
    read = open_clip.get_tokenizer(f"local-dir:{folder}")

    def tell(step: int, loss: float) -> None:
        sys.stderr.write(f"step {step} loss {loss:.4f} at {time.monotonic() - started:.0f} s\n")

    training_seconds = train(model, read, world, seed=seed, steps=steps, report=tell)
    write_directory(folder, model, config, tokenizer)
    return {
        "seed": seed,
        "training_pictures": count,
        "steps": steps,
        "rendering_seconds": round(rendering_seconds),
        "training_seconds": round(training_seconds),
    }


if __name__ == "__main__":
    main()
