"""Pictures and words as unit vectors of one space, by the two towers of an OpenCLIP model."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
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
from backend.encoders.presets import EncoderNames
from backend.encoders.runtimes.onnx.module import OnnxTower
from backend.encoders.runtimes.torch.packing import pack
from backend.encoders.runtimes.torch.streams import compute_in_streams
from backend.encoders.runtimes.torch.words import encode_tokens
from backend.encoders.vectors import Vectors, normalise_rows
from backend.encoders.weights import HF_HUB, local_checkpoint
from backend.settings import Settings

# A resize to the shortest side would blow a strip of 16,384 x 1 pixels up to gigabytes before its middle is cut out.
_LONGEST_STRIP = 16

# What one stream takes at once. With fewer the weights are read too often: ViT-B/32 takes a tenth longer for two pictures
# at a time, a third longer for one. With more, a stream that has done its share waits longer for the other ones.
_PICTURES, _TEXTS = 4, 8

Input = TypeVar("Input")

_HINT = (
    "Set MEDIACLUSTER_IMAGE_CHECKPOINT=/path/to/weights.safetensors to a downloaded "
    "checkpoint, or use MEDIACLUSTER_PRESET=demo, which downloads nothing."
)


class ImageEncoder:
    """An OpenCLIP model. Threads may share it."""

    def __init__(self, model: Any, tokenizer: Any, config: ImageModelConfig, *, device: str, batch_size: int) -> None:
        self.config = config
        self._model = model
        self._tokenizer = tokenizer
        self._tokenizing = threading.Lock()  # fast tokenizers hold state while they work
        self._preprocess = image_transform_v2(config.preprocess_cfg, is_train=False)
        self._device = device
        self._batch_size = batch_size

    @property
    def dimension(self) -> int:
        """Dimensions of the vectors of both towers."""
        return self.config.dimension

    @property
    def input_size_pixels(self) -> int:
        """The longer side of what the model sees; a decoder should not shrink below about twice this."""
        return int(max(self.config.preprocessing["size"]))

    @property
    def first_resize(self) -> int | tuple[int, int] | None:
        """What the model's preprocessing begins with, so that it may be done beforehand: bicubic to so many pixels on the
        shorter side, or to (width, height). None: something else.
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
        """Takes what `prepare_pictures` gives."""
        tower: torch.nn.Module = self._model.visual
        return tower

    @torch.inference_mode()
    def make_fast(self, onnx_copy: Path | None = None) -> None:
        """Lay both towers out for this processor, or put an ONNX copy in the place of the pictures'. On a CPU only."""
        if onnx_copy is not None:
            self._model.visual = OnnxTower(onnx_copy)
        else:
            pixels = torch.rand(1, 3, *self.config.preprocessing["size"], generator=torch.Generator().manual_seed(0))
            pack(self._model.visual, lambda: self._model.encode_image(pixels))
        tokens = self._tokenizer(["a boat in a harbour"])
        pack(self._model, lambda: encode_tokens(self._model, tokens))

    def prepare_pictures(self, images: Sequence[Image]) -> torch.Tensor:
        """Pictures as the tower takes them, float32 (n, 3, height, width)."""
        return torch.stack([self._prepare(image) for image in images])

    def embed_pictures(self, images: Sequence[Image]) -> Vectors:
        """Pictures of any mode and size to unit rows, float32 (n, dimension).

        Raises:
            InvalidVector: the model made NaN or nothing of a picture: its weights are broken.
        """
        batches = [images[start : start + self._batch_size] for start in range(0, len(images), self._batch_size)]
        return self._unit_rows(
            [rows for batch in batches for rows in self._compute(self._encode_pictures, batch, _PICTURES)]
        )

    def embed_words(self, texts: Sequence[str]) -> Vectors:
        """Texts to unit rows, float32 (n, dimension), comparable with those of pictures.

        A text longer than the tower's context is embedded in chunks and averaged by their tokens.

        Raises:
            InvalidText: a text is empty.
        """
        with self._tokenizing:
            chunks = [split_text(text, self._count_tokens, self._limit_tokens) for text in texts]
        parts = [chunk for chunks_of_text in chunks for chunk in chunks_of_text]
        # Texts of about the same length together: a batch is as long as its longest.
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
        # The model's preprocessing converts after it resizes, and a palette can only be resized without filtering.
        image = image.convert("RGB")
        if self.config.preprocessing["resize_mode"] != "squash":
            image = _crop_strip(image)
        prepared: torch.Tensor = self._preprocess(image)
        return prepared

    @property
    def _limit_tokens(self) -> int:
        context = int(self._tokenizer.context_length)
        if isinstance(self._tokenizer, open_clip.SimpleTokenizer):
            return context - 2  # start and end
        class_token = getattr(self._tokenizer, "tokenizer_mode", "") == "clips"
        return context - int(self._tokenizer.tokenizer.num_special_tokens_to_add()) - class_token

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        if isinstance(self._tokenizer, open_clip.SimpleTokenizer):
            return [len(self._tokenizer.encode(text)) for text in texts]
        inner = self._tokenizer.tokenizer
        encoded = inner(list(texts), add_special_tokens=False, truncation=False, padding=False, verbose=False)
        return [len(ids) for ids in encoded.input_ids]


def load_image_encoder(settings: Settings, names: EncoderNames, onnx_copy: Path | None = None) -> ImageEncoder:
    """Load an OpenCLIP model in evaluation mode; weights are safetensors or read with `weights_only`.

    Args:
        settings: `device`, `embed_batch_size` and `model_cache` are read.
        names: what to load.
        onnx_copy: the model file that takes the place of the pictures' tower; the words' tower stays in torch.

    Raises:
        EncoderUnavailable: nothing that can be loaded stands behind the names.
    """
    encoder = load_plain_image_encoder(settings, names)
    encoder.make_fast(onnx_copy)
    return encoder


def load_plain_image_encoder(settings: Settings, names: EncoderNames) -> ImageEncoder:
    """As `load_image_encoder`, with the layers as OpenCLIP has them, which is what can be exported."""
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
        # By hand, since OpenCLIP ignores a checkpoint beside a folder or hub name.
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
    """Without OpenCLIP's warning of a model without weights, which are about to be loaded."""

    def keep(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("No pretrained weights loaded")

    root = logging.getLogger()
    root.addFilter(keep)
    try:
        yield
    finally:
        root.removeFilter(keep)


def _download(names: EncoderNames, cache_dir: str | None) -> None:
    """Bring the weights into the cache. `create_model` would too, but hides why it could not."""
    if names.image_model.startswith(HF_HUB):
        download_pretrained_from_hf(names.image_model.removeprefix(HF_HUB), cache_dir=cache_dir)
    else:
        tag = open_clip.get_pretrained_cfg(names.image_model.replace("/", "-"), names.image_checkpoint)
        open_clip.download_pretrained(tag, cache_dir=cache_dir)


def _crop_strip(image: Image) -> Image:
    """The middle of a strip, `_LONGEST_STRIP` times as long as it is wide; other pictures as they are."""
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
