"""The image encoder: an OpenCLIP model, whose two towers embed pictures and words in the same space."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from open_clip.pretrained import download_pretrained_from_hf
from open_clip.transform import image_transform_v2
from PIL.Image import Image

from backend.encoders.chunking import average_chunks, split_text
from backend.encoders.hub import load_model
from backend.encoders.openclip import ImageModelConfig, read_image_config
from backend.encoders.packing import pack
from backend.encoders.presets import EncoderNames
from backend.encoders.streams import compute_in_streams
from backend.encoders.tokens import encode_tokens
from backend.encoders.vectors import Vectors, normalise_rows
from backend.encoders.weights import HF_HUB, local_checkpoint
from backend.settings import Settings

# Resizing the shortest side of a strip of 16,384 x 1 pixels would take gigabytes before the model crops its middle.
_LONGEST_STRIP = 16

# Number of inputs that a stream computes at once. With fewer, the weights are read too often: ViT-B/32 takes a tenth longer
# for two pictures at a time, a third longer for one. With more, a stream that is done waits longer for the others.
_PICTURES, _TEXTS = 4, 8

Input = TypeVar("Input")
OpenTower = Callable[[], torch.nn.Module]

_HINT = (
    "Set MEDIACLUSTER_IMAGE_CHECKPOINT=/path/to/weights.safetensors to a downloaded "
    "checkpoint, or use MEDIACLUSTER_PRESET=demo, which downloads nothing."
)


class ImageEncoder:
    """An OpenCLIP model. Thread-safe."""

    def __init__(self, model: Any, tokenizer: Any, config: ImageModelConfig, *, device: str, batch_size: int) -> None:
        self.config = config
        self._model = model
        self._tokenizer = tokenizer
        self._tokenizing = threading.Lock()  # fast tokenizers are not thread-safe
        self._preprocess = image_transform_v2(config.preprocess_cfg, is_train=False)
        self._device = device
        self._batch_size = batch_size

    @property
    def dimension(self) -> int:
        """Dimension of the vectors of both towers."""
        return self.config.dimension

    @property
    def input_size_pixels(self) -> int:
        """The longer side of the model's input. A decoder should not shrink pictures below about twice this size."""
        return int(max(self.config.preprocessing["size"]))

    @property
    def first_resize(self) -> int | tuple[int, int] | None:
        """The resize that the model's preprocessing begins with, so that it can be done beforehand.

        It is bicubic, to this many pixels on the shorter side or to (width, height). None if it begins with another step.
        """
        preprocessing = self.config.preprocessing
        height, width = preprocessing["size"]
        if preprocessing["interpolation"] != "bicubic":
            return None
        if preprocessing["resize_mode"] == "squash":
            return int(width), int(height)
        return int(width) if preprocessing["resize_mode"] == "shortest" and width == height else None

    @property
    def picture_tower(self) -> torch.nn.Module:
        """The tower for pictures. Its input is what `prepare_pictures` returns."""
        tower: torch.nn.Module = self._model.visual
        return tower

    @torch.inference_mode()
    def make_fast(self, open_tower: OpenTower | None = None) -> None:
        """Pack both towers for this processor, or replace the tower for pictures by that of another runtime. On a CPU only."""
        if open_tower is not None:
            self._model.visual = open_tower()
        else:
            pixels = torch.rand(1, 3, *self.config.preprocessing["size"], generator=torch.Generator().manual_seed(0))
            pack(self._model.visual, lambda: self._model.encode_image(pixels))
        tokens = self._tokenizer(["a boat in a harbour"])
        pack(self._model, lambda: encode_tokens(self._model, tokens))

    def prepare_pictures(self, images: Sequence[Image]) -> torch.Tensor:
        """Preprocess pictures to the input of the tower, float32 (n, 3, height, width)."""
        return torch.stack([self._prepare(image) for image in images])

    def embed_pictures(self, images: Sequence[Image]) -> Vectors:
        """Embed pictures of any mode and size as unit rows, float32 (n, dimension).

        Raises:
            InvalidVector: a vector is NaN or zero, so the weights of the model are damaged.
        """
        batches = [images[start : start + self._batch_size] for start in range(0, len(images), self._batch_size)]
        return self._unit_rows(
            [rows for batch in batches for rows in self._compute(self._encode_pictures, batch, _PICTURES)]
        )

    def embed_words(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as unit rows, float32 (n, dimension), comparable with those of pictures.

        A text longer than the tower's context is embedded in chunks, whose average is weighted by their tokens.

        Raises:
            InvalidText: a text is empty.
        """
        with self._tokenizing:
            chunks = [split_text(text, self._count_tokens, self._limit_tokens) for text in texts]
        parts = [chunk for chunks_of_text in chunks for chunk in chunks_of_text]
        # Batch texts of similar length, since a batch is padded to its longest text.
        order = sorted(range(len(parts)), key=lambda position: parts[position].tokens)
        ordered = [parts[position].text for position in order]
        batches = [ordered[start : start + self._batch_size] for start in range(0, len(ordered), self._batch_size)]
        encoded = [rows for batch in batches for rows in self._compute(self._encode_words, batch, _TEXTS)]
        rows = self._unit_rows(encoded)[np.argsort(order)]
        return average_chunks(rows, chunks) if chunks else rows

    def _compute(
        self, encode: Callable[[Sequence[Input]], NDArray[Any]], batch: Sequence[Input], part: int
    ) -> list[NDArray[Any]]:
        return compute_in_streams(encode, batch, part=part) if self._device == "cpu" else [encode(batch)]

    def _unit_rows(self, batches: Sequence[NDArray[Any]]) -> Vectors:
        if not batches:
            return np.empty((0, self.dimension), dtype=np.float32)
        return normalise_rows(np.concatenate(batches))

    @torch.inference_mode()
    def _encode_pictures(self, images: Sequence[Image]) -> NDArray[Any]:
        inputs = self.prepare_pictures(images).to(self._device)
        return _to_numpy(self._model.encode_image(inputs))

    @torch.inference_mode()
    def _encode_words(self, texts: Sequence[str]) -> NDArray[Any]:
        with self._tokenizing:
            tokens = self._tokenizer(list(texts))
        return _to_numpy(encode_tokens(self._model, tokens.to(self._device)))

    def _prepare(self, image: Image) -> torch.Tensor:
        # The model's preprocessing resizes before it converts, and a palette image can only be resized without filtering.
        image = image.convert("RGB")
        if self.config.preprocessing["resize_mode"] != "squash":
            image = _crop_strip(image)
        prepared: torch.Tensor = self._preprocess(image)
        return prepared

    @property
    def _limit_tokens(self) -> int:
        context = int(self._tokenizer.context_length)
        if isinstance(self._tokenizer, open_clip.SimpleTokenizer):
            return context - 2  # the start and end tokens
        class_token = getattr(self._tokenizer, "tokenizer_mode", "") == "clips"
        return context - int(self._tokenizer.tokenizer.num_special_tokens_to_add()) - class_token

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        if isinstance(self._tokenizer, open_clip.SimpleTokenizer):
            return [len(self._tokenizer.encode(text)) for text in texts]
        inner = self._tokenizer.tokenizer
        encoded = inner(list(texts), add_special_tokens=False, truncation=False, padding=False, verbose=False)
        return [len(ids) for ids in encoded.input_ids]


def load_image_encoder(settings: Settings, names: EncoderNames, open_tower: OpenTower | None = None) -> ImageEncoder:
    """Load an OpenCLIP model in evaluation mode. Weights are safetensors or read with `weights_only`.

    Args:
        settings: uses `device`, `embed_batch_size` and `model_cache`.
        names: names of the model and its weights.
        open_tower: makes what replaces the tower for pictures. The tower for words stays in torch.

    Raises:
        EncoderUnavailable: the names do not lead to a loadable model.
    """
    encoder = load_plain_image_encoder(settings, names)
    encoder.make_fast(open_tower)
    return encoder


def load_plain_image_encoder(settings: Settings, names: EncoderNames) -> ImageEncoder:
    """Like `load_image_encoder`, but with the original layers of OpenCLIP, which can be exported."""
    cache_dir = str(settings.model_cache) if settings.model_cache else None

    def load() -> ImageEncoder:
        config = read_image_config(names, cache_dir)
        model = _create(names, settings.device, cache_dir).eval()
        tokenizer = open_clip.get_tokenizer(names.image_model, cache_dir=cache_dir)
        return ImageEncoder(model, tokenizer, config, device=settings.device, batch_size=settings.embed_batch_size)

    return load_model(f"The image model {_title(names)}", load, _HINT)


def _create(names: EncoderNames, device: str, cache_dir: str | None) -> Any:
    checkpoint = local_checkpoint(names)
    if checkpoint:
        # Loaded separately, since OpenCLIP ignores a checkpoint if the model is a folder or a hub name.
        with _quiet():
            model = open_clip.create_model(
                names.image_model, load_weights=False, pretrained_text=False, device=device, cache_dir=cache_dir
            )
        open_clip.load_checkpoint(model, str(checkpoint), weights_only=True)
        return model
    _download(names, cache_dir)
    return open_clip.create_model(
        names.image_model,
        pretrained=None if names.image_model.startswith(HF_HUB) else names.image_checkpoint,
        require_pretrained=True,  # never random weights
        weights_only=True,
        device=device,
        cache_dir=cache_dir,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress OpenCLIP's warning about a model without weights, which are loaded afterwards."""

    def keep(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("No pretrained weights loaded")

    root = logging.getLogger()
    root.addFilter(keep)
    try:
        yield
    finally:
        root.removeFilter(keep)


def _download(names: EncoderNames, cache_dir: str | None) -> None:
    """Download the weights to the cache. `create_model` would do so too, but it hides the reason for a failure."""
    if names.image_model.startswith(HF_HUB):
        download_pretrained_from_hf(names.image_model.removeprefix(HF_HUB), cache_dir=cache_dir)
    else:
        tag = open_clip.get_pretrained_cfg(names.image_model.replace("/", "-"), names.image_checkpoint)
        open_clip.download_pretrained(tag, cache_dir=cache_dir)


def _crop_strip(image: Image) -> Image:
    """Crop a strip to its middle, `_LONGEST_STRIP` times as long as it is wide. Other pictures are unchanged."""
    longest = _LONGEST_STRIP * min(image.size)
    width, height = (side - 2 * max((side - longest) // 2, 0) for side in image.size)
    if (width, height) == image.size:
        return image
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _title(names: EncoderNames) -> str:
    return f"{names.image_model} ({names.image_checkpoint})" if names.image_checkpoint else names.image_model


def _to_numpy(vectors: torch.Tensor) -> NDArray[Any]:
    array: NDArray[Any] = vectors.float().cpu().numpy()
    return array
