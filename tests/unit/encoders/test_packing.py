"""Layers in oneDNN's layout and shortened texts give the vectors that OpenCLIP gives."""

import logging
from collections.abc import Callable

import open_clip
import pytest
import torch
from open_clip.transformer import TextTransformer

from backend.encoders import packing
from backend.encoders.packing import PackedAttention, PackedLinear, pack
from backend.encoders.tokens import encode_tokens

VISION = {"image_size": 48, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16}
WORDS = {"context_length": 20, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}


@pytest.fixture
def tokens() -> torch.Tensor:
    return open_clip.tokenize(["a boat", "a boat in the harbour of a small town"], context_length=20)


@pytest.fixture
def pixels() -> torch.Tensor:
    return torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(5))


def tiny_clip(**options: object) -> open_clip.CLIP:
    torch.manual_seed(4)
    return open_clip.CLIP(32, VISION, WORDS, **options).eval()


@torch.inference_mode()
@pytest.mark.parametrize("quick_gelu", [False, True], ids=["gelu", "quick-gelu"])
def test_pack__same_vectors(pixels: torch.Tensor, tokens: torch.Tensor, quick_gelu: bool) -> None:
    model = tiny_clip(quick_gelu=quick_gelu)
    pictures, words = model.encode_image(pixels), model.encode_text(tokens)

    assert pack(model, lambda: torch.cat([model.encode_image(pixels), encode_tokens(model, tokens)]))

    kinds = [type(module) for module in model.modules()]
    assert kinds.count(PackedAttention) == 4
    assert kinds.count(PackedLinear) == 4 * 4
    assert kinds.count(torch.nn.Linear) == 0
    # Another number of pictures and texts than it was packed with.
    torch.testing.assert_close(model.encode_image(pixels[:1]), pictures[:1], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(model.encode_text(tokens), words, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(encode_tokens(model, tokens), words, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("fault", ["wrong", "raises"])
def test_pack__a_layer_that_computes_something_else_is_put_back(
    pixels: torch.Tensor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    model = tiny_clip()
    expected = model.encode_image(pixels)

    def broken(self: PackedLinear, inputs: torch.Tensor) -> torch.Tensor:
        if fault == "raises":
            raise RuntimeError("no such operation here")
        return real(self, inputs) * 1.01

    real: Callable[..., torch.Tensor] = PackedLinear.forward
    monkeypatch.setattr(PackedLinear, "forward", broken)
    with caplog.at_level(logging.WARNING, logger=packing.__name__):
        assert not pack(model.visual, lambda: model.encode_image(pixels))

    assert torch.equal(model.encode_image(pixels), expected)
    assert "could not be packed" in caplog.text


@torch.inference_mode()
def test_pack__other_precisions_are_left_alone(pixels: torch.Tensor) -> None:
    model = tiny_clip().bfloat16()
    assert not pack(model, lambda: model.encode_image(pixels.bfloat16()))


@torch.inference_mode()
@pytest.mark.parametrize("pooling", ["argmax", "eos", "last"])
def test_encode_tokens__as_openclip(tokens: torch.Tensor, pooling: str) -> None:
    torch.manual_seed(6)
    end = int(tokens.max())
    model = open_clip.CustomTextCLIP(32, VISION, {**WORDS, "pool_type": pooling, "eos_id": end}).eval()
    assert isinstance(model.text, TextTransformer)
    seen = []
    model.text.token_embedding.register_forward_pre_hook(lambda _module, given: seen.append(given[0].shape[1]))

    vectors = encode_tokens(model, tokens)

    torch.testing.assert_close(vectors, model.encode_text(tokens), atol=1e-5, rtol=1e-4)
    longest = int(tokens.argmax(dim=-1).max()) + 1
    assert seen == [20 if pooling == "last" else longest, 20]
    assert longest < 20
