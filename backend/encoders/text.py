"""The text encoder: a sentence-transformers model that turns texts into unit vectors."""

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from backend.encoders.chunking import average_chunks, split_text
from backend.encoders.hub import load_model
from backend.encoders.packing import pack
from backend.encoders.presets import EncoderNames
from backend.encoders.vectors import Vectors, normalise_rows
from backend.encoders.weights import local_text_folder
from backend.errors import EncoderUnavailable
from backend.settings import Settings

_HINT = (
    "Set MEDIACLUSTER_TEXT_MODEL=/path/to/folder to a downloaded sentence-transformers "
    "folder, or use MEDIACLUSTER_PRESET=demo, which downloads nothing."
)

OpenBackbone = Callable[[Any], torch.nn.Module]
"""Makes a transformer of another runtime from the configuration of the original."""

_BACKBONE_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class TextEncoder:
    """A sentence-transformers model. Thread-safe; calls run one at a time."""

    def __init__(self, model: SentenceTransformer, *, batch_size: int) -> None:
        dimension = model.get_embedding_dimension()
        if dimension is None:
            raise EncoderUnavailable("The text model does not say how many dimensions it has.", hint=_HINT)
        self.dimension: int = dimension
        self._model = model
        self._batch_size = batch_size
        self._working = threading.Lock()  # fast tokenizers are not thread-safe

    @property
    def window_tokens(self) -> int | None:
        """The number of tokens that the model reads at once, including special ones; None for no limit."""
        window = self._model.max_seq_length
        return int(window) if window and self._tokenizer else None

    @property
    def backbone(self) -> torch.nn.Module:
        """The transformer. Its input is what `prepare_texts` returns.

        Raises:
            EncoderUnavailable: the model has none.
        """
        backbone: torch.nn.Module = getattr(self._model[0], self._backbone_name)
        return backbone

    @torch.inference_mode()
    def make_fast(self, open_backbone: OpenBackbone | None = None) -> None:
        """Pack the model for this processor, or replace its transformer by that of another runtime. On a CPU only."""
        if open_backbone is not None:
            setattr(self._model[0], self._backbone_name, open_backbone(self.backbone.config))
        else:
            pack(self._model, lambda: self._model.encode(["a boat in a harbour"], convert_to_tensor=True))

    def prepare_texts(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        """Tokenize texts to the inputs of the transformer, int64 (n, tokens) each. Texts beyond the window are cut off."""
        prepare = getattr(self._model, "preprocess", self._model.tokenize)
        features = prepare(list(texts))
        return {name: features[name] for name in _BACKBONE_INPUTS if name in features}

    @cached_property
    def _backbone_name(self) -> str:
        # Read once: it stays when another runtime's transformer is put there.
        for name, child in self._model[0].named_children():
            if isinstance(child, PreTrainedModel):
                return name
        raise EncoderUnavailable(
            "The text model has no transformer that a runtime other than torch could run.",
            hint="Use torch: MEDIACLUSTER_TEXT_RUNTIME=torch.",
        )

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as unit rows, float32 (n, dimension), in the given order.

        A text longer than the window is embedded in chunks, whose average is weighted by their tokens, so that its end counts.

        Raises:
            InvalidText: a text is empty.
            InvalidVector: a vector is NaN or zero, so the weights of the model are damaged.
        """
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        with self._working:
            chunks = [split_text(text, self._count_tokens, self._limit_tokens) for text in texts]
            parts = [chunk.text for chunks_of_text in chunks for chunk in chunks_of_text]
            # `encode` batches texts of similar length and returns the rows in order.
            rows = self._model.encode(parts, batch_size=self._batch_size, show_progress_bar=False)
        return average_chunks(normalise_rows(rows), chunks)

    @property
    def _tokenizer(self) -> PreTrainedTokenizerBase | None:
        tokenizer = getattr(self._model[0], "tokenizer", None)
        return tokenizer if isinstance(tokenizer, PreTrainedTokenizerBase) else None

    @property
    def _limit_tokens(self) -> int | None:
        if self.window_tokens is None or self._tokenizer is None:
            return None
        prompt = self._model.prompts.get(self._model.default_prompt_name or "") or ""
        reserved = self._tokenizer.num_special_tokens_to_add() + self._count_tokens([prompt])[0]
        return max(self.window_tokens - reserved, 1)

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        if self._tokenizer is None:
            return [1] * len(texts)
        encoded = self._tokenizer(list(texts), add_special_tokens=False, truncation=False, padding=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]


def load_text_encoder(
    settings: Settings, names: EncoderNames, open_backbone: OpenBackbone | None = None
) -> TextEncoder:
    """Load a sentence-transformers model in evaluation mode, in float32, without running code from the hub.

    Args:
        settings: uses `device`, `embed_batch_size` and `model_cache`.
        names: name of the model.
        open_backbone: makes what replaces the transformer.

    Raises:
        EncoderUnavailable: the name does not lead to a loadable model.
    """
    encoder = load_plain_text_encoder(settings, names)
    encoder.make_fast(open_backbone)
    return encoder


def load_plain_text_encoder(settings: Settings, names: EncoderNames) -> TextEncoder:
    """Like `load_text_encoder`, but with the original layers of transformers, which can be exported."""
    folder = local_text_folder(names.text_model)
    name = str(folder) if folder else names.text_model

    def load() -> TextEncoder:
        disable_progress_bar()  # type: ignore[no-untyped-call]  # it would appear in the log of every worker
        model = SentenceTransformer(
            name,
            device=settings.device,
            cache_folder=str(settings.model_cache) if settings.model_cache else None,
            trust_remote_code=False,
            model_kwargs={"dtype": torch.float32},
        )
        return TextEncoder(model.eval(), batch_size=settings.embed_batch_size)

    return load_model(f"The text model {names.text_model}", load, _HINT)
