"""The text tower of an OpenCLIP model, computed only up to the end of the longest text."""

from typing import Any

import open_clip
import torch
from open_clip.transformer import TextTransformer, text_global_pool


def encode_tokens(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """Encode tokenized texts (n, context) as vectors (n, dimension), not normalised.

    OpenCLIP pads each text to the context (usually 77 tokens). If attention is causal and the vector is read at the end of
    the text, the padding does not affect it. So a batch is cut to its longest text: the vectors are the same, for a quarter of
    the work on captions of usual length.
    """
    tower = model if isinstance(model, open_clip.CLIP) else getattr(model, "text", None)
    vectors: torch.Tensor = _encode_prefix(tower, tokens) if _ends_with_its_text(tower) else model.encode_text(tokens)
    return vectors


def _ends_with_its_text(tower: Any) -> bool:
    return (
        isinstance(tower, open_clip.CLIP | TextTransformer)
        and getattr(tower, "attn_mask", None) is not None
        and getattr(tower, "cls_emb", None) is None
        and _reading(tower)[0] in {"argmax", "eos"}
    )


def _reading(tower: Any) -> tuple[str, int | None]:
    """The pooling by which the tower finds the end of a text, and the token that marks it."""
    if isinstance(tower, open_clip.CLIP):
        return tower.text_pool_type, getattr(tower, "text_eos_id", None)
    return tower.pool_type, tower.eos_id


def _encode_prefix(tower: Any, tokens: torch.Tensor) -> torch.Tensor:
    """OpenCLIP's own steps for a prefix of the context. OpenCLIP itself only accepts the whole context."""
    pooling, end_token = _reading(tower)
    ends = tokens if pooling == "argmax" else tokens.eq(end_token or 0).int()
    length = int(ends.argmax(dim=-1).max()) + 1
    tokens = tokens[:, :length]
    rows = tower.token_embedding(tokens).to(tower.transformer.get_cast_dtype())
    rows = rows + tower.positional_embedding[:length].to(rows.dtype)
    rows = tower.ln_final(tower.transformer(rows, attn_mask=tower.attn_mask[:length, :length]))
    pooled: torch.Tensor = text_global_pool(rows, tokens, pooling, eos_token_id=end_token)
    projection = tower.text_projection
    if projection is None:
        return pooled
    vectors: torch.Tensor = projection(pooled) if isinstance(projection, torch.nn.Module) else pooled @ projection
    return vectors
