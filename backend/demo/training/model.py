"""The architecture, the tokenizer, and writing both as a directory that open_clip loads by `local-dir:`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

IMAGE_SIDE = 64
CONTEXT = 32
_PAD, _START, _END = "<pad>", "<start>", "<end>"


def build_tokenizer(corpus: list[str], vocabulary: int = 1600) -> PreTrainedTokenizerFast:
    """Return a lower-casing byte-level BPE tokenizer: any text has tokens, since every byte has one."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        corpus,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[_PAD, _START, _END],
            show_progress=False,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_START} $A {_END}", special_tokens=[(_START, 1), (_END, 2)]
    )
    wrap: Any = PreTrainedTokenizerFast
    wrapped: PreTrainedTokenizerFast = wrap(
        tokenizer_object=tokenizer, pad_token=_PAD, bos_token=_START, eos_token=_END, model_max_length=CONTEXT
    )
    return wrapped


def configuration(vocabulary: int) -> dict[str, Any]:
    """Return the content of open_clip_config.json."""
    return {
        "model_cfg": {
            "embed_dim": 128,
            "vision_cfg": {"image_size": IMAGE_SIDE, "layers": [1, 1, 1, 1], "width": 16},
            "text_cfg": {
                "context_length": CONTEXT,
                "vocab_size": vocabulary,
                "hf_tokenizer_name": "local",
                "width": 128,
                "heads": 4,
                "layers": 2,
                "pool_type": "eos",
                "pad_id": 0,
                "eos_id": 2,
            },
        },
        # Squashed rather than cropped: the subject may stand at the edge of a wide picture.
        "preprocess_cfg": {
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
            "interpolation": "bicubic",
            "resize_mode": "squash",
        },
    }


def write_directory(
    folder: Path, model: torch.nn.Module, config: dict[str, Any], tokenizer: PreTrainedTokenizerFast
) -> None:
    """Write weights (half precision; open_clip copies them into a float32 model), configuration and tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: value.detach().to(torch.float16).contiguous() if value.is_floating_point() else value.contiguous()
        for name, value in model.state_dict().items()
    }
    save_file(state, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
    (folder / "open_clip_model.safetensors").chmod(0o644)  # safetensors keeps it to its owner
    write_configuration(folder, config, tokenizer)


def write_configuration(folder: Path, config: dict[str, Any], tokenizer: PreTrainedTokenizerFast) -> None:
    """Write what there is before training: configuration and tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    tokenizer.save_pretrained(str(folder))
    # transformers 5 writes a class name that transformers 4 does not know; both know this one.
    described = folder / "tokenizer_config.json"
    fields = json.loads(described.read_text("utf-8")) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    fields.pop("backend", None)
    described.write_text(json.dumps(fields, indent=2) + "\n", "utf-8")
