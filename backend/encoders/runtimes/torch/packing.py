"""Linear layers and self-attention in oneDNN's own layout of weights, for inference on a CPU in single precision.

torch hands these products to MKL, which on many processors computes at four fifths of what oneDNN does, and lays the
weights out anew at each call. Here they are laid out once, and a GELU is computed where the product is written. torch's
own compiler does the same when it freezes a model; this needs no compiler on the machine.
"""

import logging
from collections.abc import Callable
from typing import Any

import torch
from open_clip.transformer import AttentionalPooler, ResidualAttentionBlock
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

logger = logging.getLogger(__name__)

# Sums in another order differ in the last bits of a float32; anything beyond is a mistake.
_TOLERANCE = 1e-3
# Below this, laying out the input costs what the layout of the weights saves.
_LEAST_FEATURES = 64


class PackedLinear(nn.Module):
    """`torch.nn.Linear`, with a GELU behind it if `gelu`. Only computes; it cannot be trained or saved."""

    def __init__(self, weight: Tensor, bias: Tensor | None, *, gelu: bool = False) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        # Attributes, not parameters: nothing may move or convert them. Others ask `weight` for its type.
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach())  # noqa: SLF001 - see the module's text
        self.bias = None if bias is None else bias.detach()
        self._epilogue: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self.weight, self.bias, *self._epilogue)  # noqa: SLF001
        return outputs


class PackedAttention(nn.Module):
    """`torch.nn.MultiheadAttention` of a sequence with itself, without the attention weights."""

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.batch_first = True
        self._heads = attention.num_heads
        self._project_in = PackedLinear(attention.in_proj_weight, attention.in_proj_bias)
        self._project_out = PackedLinear(attention.out_proj.weight, attention.out_proj.bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, *, attn_mask: Tensor | None = None, need_weights: bool = False
    ) -> tuple[Tensor, None]:
        if key is not query or value is not query or need_weights:
            raise ValueError("packed attention is of a sequence with itself, without weights")
        batch, tokens, width = query.shape
        projected = self._project_in(query).view(batch, tokens, 3, self._heads, width // self._heads)
        queries, keys, values = projected.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(queries, keys, values, attn_mask=attn_mask)
        return self._project_out(attended.transpose(1, 2).reshape(batch, tokens, width)), None


def pack(model: nn.Module, compute: Callable[[], Tensor]) -> bool:
    """Pack the layers of `model` in place where that is possible; returns whether anything was.

    Args:
        model: in evaluation mode. On another device than a CPU, or in another precision, it is left as it is.
        compute: vectors (n, dimension) of fixed inputs through `model`. Where the packed model gives other ones, or
            fails, everything is put back as it was.
    """
    parameter = next(model.parameters(), None)
    if parameter is None or parameter.device.type != "cpu" or not _is_supported():
        return False
    expected = compute()
    replaced: list[tuple[nn.Module, str, nn.Module]] = []
    try:
        _pack_children(model, replaced)
        if not replaced:
            return False
        difference = float((compute() - expected).abs().max() / expected.abs().max())
    except Exception as error:  # noqa: BLE001 - whatever it is, the model works without
        logger.warning("The layers of a model could not be packed: %s", error)
    else:
        if difference <= _TOLERANCE:
            return True
        logger.warning("The layers of a model could not be packed, they differ by %.2g of the largest.", difference)
    for parent, name, child in reversed(replaced):
        setattr(parent, name, child)
    return False


def _is_supported() -> bool:
    return torch.backends.mkldnn.is_available() and all(  # type: ignore[no-untyped-call]
        hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise")
    )


def _pack_children(parent: Any, replaced: list[tuple[nn.Module, str, nn.Module]]) -> None:
    """Replace below `parent`, noting what stood where."""

    def put(owner: Any, name: str, child: nn.Module) -> None:
        replaced.append((owner, name, getattr(owner, name)))
        setattr(owner, name, child)

    if type(parent) is ResidualAttentionBlock and not hasattr(parent, "ln_1_kv"):
        if _is_packable(parent.attn):
            put(parent, "attn", PackedAttention(parent.attn))
        up, activation = parent.mlp.c_fc, parent.mlp.gelu
        if _is_linear(up) and type(activation) is nn.GELU and activation.approximate == "none":
            put(parent.mlp, "c_fc", PackedLinear(up.weight, up.bias, gelu=True))
            put(parent.mlp, "gelu", nn.Identity())
    for name, child in list(parent.named_children()):
        if _is_linear(child):
            put(parent, name, PackedLinear(child.weight, child.bias))
        elif not isinstance(child, nn.MultiheadAttention | AttentionalPooler) and not _reads_weights(child):
            _pack_children(child, replaced)


def _is_linear(module: Any) -> bool:
    return (
        type(module) is nn.Linear
        and module.weight.dtype == torch.float32
        and min(module.in_features, module.out_features) >= _LEAST_FEATURES
    )


def _is_packable(attention: nn.MultiheadAttention) -> bool:
    return (
        type(attention) is nn.MultiheadAttention
        and attention.batch_first
        and attention.in_proj_weight is not None
        and attention.in_proj_weight.dtype == torch.float32
        and attention.bias_k is None
        and not attention.add_zero_attn
    )


def _reads_weights(module: nn.Module) -> bool:
    """Whether a module computes with the weights of its linear layers instead of calling these."""
    return type(module).__name__ == "AttentionPool2d"
