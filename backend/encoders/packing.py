"""Linear layers and self-attention with weights in oneDNN's own layout, for single-precision inference on a CPU.

By default torch computes these products with MKL, which on many processors reaches four fifths of the speed of oneDNN and
rearranges the weights at each call. Here they are rearranged once, and a GELU is fused with its product. torch's compiler
does the same when it freezes a model, but needs a C++ compiler on the machine.
"""

import logging
from collections.abc import Callable
from typing import Any

import torch
from open_clip.transformer import AttentionalPooler, ResidualAttentionBlock
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

logger = logging.getLogger(__name__)

# Sums in a different order differ in the last bits of a float32. A greater difference is an error.
_TOLERANCE = 1e-3
# Below this size, converting the input costs as much as the layout of the weights saves.
_LEAST_FEATURES = 64


class PackedLinear(nn.Module):
    """Replacement for `torch.nn.Linear`, followed by a GELU if `gelu`. For inference only: it cannot be trained or saved."""

    def __init__(self, weight: Tensor, bias: Tensor | None, *, gelu: bool = False) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        # Attributes, not parameters, so that nothing moves or converts them. Other modules read the type of `weight`.
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach())  # noqa: SLF001 - see the module's text
        self.bias = None if bias is None else bias.detach()
        self._epilogue: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self.weight, self.bias, *self._epilogue)  # noqa: SLF001
        return outputs


class PackedAttention(nn.Module):
    """Replacement for `torch.nn.MultiheadAttention` as self-attention, without returning attention weights."""

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
    """Pack the layers of `model` in place where possible. Returns whether any layer was packed.

    Args:
        model: a model in evaluation mode. It is unchanged if it is not on a CPU or not in single precision.
        compute: computes vectors (n, dimension) of fixed inputs with `model`. If the packed model gives different ones, or
            fails, all changes are undone.
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
    except Exception as error:  # noqa: BLE001 - the model works without packing
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
    """Replace the layers below `parent`, and record the originals in `replaced`."""

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
    """Whether a module uses the weights of its linear layers directly instead of calling the layers."""
    return type(module).__name__ == "AttentionPool2d"
