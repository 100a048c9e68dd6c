"""The image and the text encoder, each with the network to export, example inputs, and the vectors of a sample."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from backend.encoders import (
    IMAGE,
    TEXT,
    CopiedRuntime,
    EncoderNames,
    Network,
    Side,
    Vectors,
    image_fingerprint,
    normalise_rows,
    text_fingerprint,
)
from backend.encoders.image import load_plain_image_encoder
from backend.encoders.text import load_plain_text_encoder
from backend.errors import BackendUnavailable, MediaclusterError
from backend.features.services import Services
from backend.files.text import embedding_text
from backend.store.media import SampledMedia

_BATCH = 16
_RANKING_ROWS = 8

Measured = tuple[Vectors, float]
"""Unit vectors (n, d) of the sample, and how many seconds it took to compute them."""


@dataclass(frozen=True)
class OptimizedSide:
    """One encoder.

    Attributes:
        side: image or text.
        weights: fingerprint of its weights, without a runtime.
        sampled: number of inputs in the sample.
        network: returns the network to export. Call it before `exact`, which changes the layers.
        feeds: returns a few inputs by name, which rank the matrix products by their effect on the vectors.
        exact: computes the vectors of the sample with torch.
        embed: computes the vectors of the sample with the copy for a runtime, whose file is at a path.
        threshold: threshold of groups; None for the text encoder, which forms no groups.
    """

    side: Side
    weights: str
    sampled: int
    network: Callable[[], Network]
    feeds: Callable[[], Mapping[str, NDArray[Any]]]
    exact: Callable[[], Measured]
    embed: Callable[[CopiedRuntime, Path], Measured]
    threshold: float | None


def image_side(
    services: Services, names: EncoderNames, media: Sequence[SampledMedia], threshold: float
) -> OptimizedSide:
    """The image encoder. The sample omits unreadable pictures.

    Raises:
        EncoderUnavailable: the model cannot be loaded.
        BackendUnavailable: the storage or the decoders do not answer.
    """
    encoder = load_plain_image_encoder(services.settings, names)
    batches: list[torch.Tensor] = []
    pictures = []
    for one in media:
        try:
            data = services.storage.read(one.original_key)
            decoded = services.decoders.decode(
                data, services.limits, at_least=encoder.input_size_pixels, fit=encoder.first_resize
            )
        except BackendUnavailable:
            raise
        except MediaclusterError:
            continue
        pictures.append(decoded.image)
        if len(pictures) == _BATCH:  # prepared now, since a full-size picture can take a hundred times the memory
            batches.append(encoder.prepare_pictures(pictures))
            pictures = []
    if pictures:
        batches.append(encoder.prepare_pictures(pictures))

    def exact() -> Measured:
        encoder.make_fast()
        return _run(encoder.picture_tower, batches)

    return OptimizedSide(
        side=IMAGE,
        weights=image_fingerprint(names),
        sampled=sum(len(batch) for batch in batches),
        network=lambda: Network(encoder.picture_tower, {"pixels": batches[0][:2]}, {0: "batch"}, "vectors"),
        feeds=lambda: {"pixels": batches[0][:_RANKING_ROWS].numpy()},
        exact=exact,
        embed=lambda runtime, path: _run(runtime.open_tower(path), batches),
        threshold=threshold,
    )


def text_side(services: Services, names: EncoderNames, media: Sequence[SampledMedia]) -> OptimizedSide:
    """The text encoder. Only its transformer is copied, not the tokenizer and the pooling.

    Raises:
        EncoderUnavailable: the model cannot be loaded.
    """
    encoder = load_plain_text_encoder(services.settings, names)
    texts = [words for one in media if (words := embedding_text(one.text) or one.ocr_text)]

    def network() -> Network:
        features = encoder.prepare_texts(texts[:2])
        return Network(_HiddenStates(encoder.backbone, list(features)), features, {0: "batch", 1: "tokens"}, "hidden")

    def exact() -> Measured:
        encoder.make_fast()
        return run()

    def embed(runtime: CopiedRuntime, path: Path) -> Measured:
        encoder.make_fast(partial(runtime.open_backbone, path))
        return run()

    def run() -> Measured:
        begun = time.perf_counter()
        return encoder.embed_texts(texts), time.perf_counter() - begun

    return OptimizedSide(
        side=TEXT,
        weights=text_fingerprint(names),
        sampled=len(texts),
        network=network,
        feeds=lambda: {name: value.numpy() for name, value in encoder.prepare_texts(texts[:_RANKING_ROWS]).items()},
        exact=exact,
        embed=embed,
        threshold=None,
    )


class _HiddenStates(nn.Module):
    """Wraps a transformer, which takes its inputs by name, for exporters that pass them by position."""

    def __init__(self, backbone: nn.Module, inputs: list[str]) -> None:
        super().__init__()
        self._backbone = backbone
        self._inputs = inputs

    def forward(self, first: torch.Tensor, second: torch.Tensor, third: torch.Tensor | None = None) -> torch.Tensor:
        given = [tensor for tensor in (first, second, third) if tensor is not None]
        hidden: torch.Tensor = self._backbone(**dict(zip(self._inputs, given, strict=True))).last_hidden_state
        return hidden


@torch.inference_mode()
def _run(tower: nn.Module, batches: Sequence[torch.Tensor]) -> Measured:
    begun = time.perf_counter()
    rows = [tower(batch).float().numpy() for batch in batches]
    return normalise_rows(np.concatenate(rows)), time.perf_counter() - begun
