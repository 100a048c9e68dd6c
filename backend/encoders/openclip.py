"""OpenCLIP's configuration of an image model, read without loading weights."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
from open_clip.pretrained import download_pretrained_from_hf
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from backend.encoders.presets import PRESETS, EncoderNames
from backend.encoders.weights import HF_HUB, IMAGE_CONFIG_FILE, LOCAL_DIR, local_checkpoint, local_image_folder
from backend.errors import EncoderUnavailable

_DEFAULT_INPUT_PIXELS = 224
_OVERLAID = ("mean", "std", "interpolation", "resize_mode")


@dataclass(frozen=True)
class ImageModelConfig:
    """Configuration of an image model.

    Attributes:
        dimension: dimension of the vectors.
        preprocessing: fields of OpenCLIP's `PreprocessCfg`, JSON-safe.
    """

    dimension: int
    preprocessing: dict[str, Any]

    @property
    def preprocess_cfg(self) -> PreprocessCfg:
        lists = {key: tuple(value) for key, value in self.preprocessing.items() if isinstance(value, list)}
        return PreprocessCfg(**{**self.preprocessing, **lists})


def read_image_config(names: EncoderNames, cache_dir: str | None = None) -> ImageModelConfig:
    """Read the dimension and preprocessing of an image model. Contacts the hub for `hf-hub:` names only.

    Raises:
        EncoderUnavailable: the architecture, tag or folder does not exist, or architecture and tag do not match.
    """
    if names.image_model.startswith(LOCAL_DIR):
        content = _read_json(local_image_folder(names.image_model) / IMAGE_CONFIG_FILE)
    elif names.image_model.startswith(HF_HUB):
        repository = names.image_model.removeprefix(HF_HUB)
        content = _read_json(Path(download_pretrained_from_hf(repository, IMAGE_CONFIG_FILE, cache_dir=cache_dir)))
    else:
        model = _registered_config(names.image_model)
        content = {"model_cfg": model, "preprocess_cfg": _registered_preprocessing(names, model)}
    return _as_config(names.image_model, content)


def _as_config(image_model: str, content: dict[str, Any]) -> ImageModelConfig:
    try:
        model = content["model_cfg"]
        size = model["vision_cfg"].get("image_size", _DEFAULT_INPUT_PIXELS)
        preprocessing = merge_preprocess_dict(PreprocessCfg(), content.get("preprocess_cfg", {}))
        preprocessing["size"] = list(size) if isinstance(size, list | tuple) else [size, size]
        dimension = int(model["embed_dim"])
    except (KeyError, TypeError, AttributeError) as error:
        raise EncoderUnavailable(
            f"{IMAGE_CONFIG_FILE} of {image_model} is not an OpenCLIP configuration: {error!r}.",
            hint="It needs model_cfg with embed_dim, vision_cfg and text_cfg; preprocess_cfg is optional.",
        ) from error
    return ImageModelConfig(dimension, json.loads(json.dumps(preprocessing)))


def _registered_config(image_model: str) -> dict[str, Any]:
    model: dict[str, Any] | None = open_clip.get_model_config(image_model.replace("/", "-"))
    if model is None:
        raise EncoderUnavailable(
            f"OpenCLIP has no model {image_model!r}.",
            hint=f"MEDIACLUSTER_IMAGE_MODEL takes an OpenCLIP architecture, {HF_HUB}NAME or {LOCAL_DIR}PATH.",
        )
    return model


def _registered_preprocessing(names: EncoderNames, model: dict[str, Any]) -> dict[str, Any]:
    checkpoint = local_checkpoint(names)
    if checkpoint:
        return _preprocessing_of_file(names.image_model, checkpoint)
    tag = _tag(names.image_model, names.image_checkpoint or "")
    if bool(tag.get("quick_gelu")) != bool(model.get("quick_gelu")):
        # OpenCLIP only warns, and then computes poor vectors.
        other = names.image_model.removesuffix("-quickgelu") + ("-quickgelu" if tag.get("quick_gelu") else "")
        raise EncoderUnavailable(
            f"The weights {names.image_checkpoint} were trained with a different activation than "
            f"{names.image_model} uses.",
            hint=f"Set MEDIACLUSTER_IMAGE_MODEL={other}.",
        )
    return tag


def _tag(image_model: str, tag: str) -> dict[str, Any]:
    config: dict[str, Any] = open_clip.get_pretrained_cfg(image_model.replace("/", "-"), tag)
    if not config:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(image_model.replace("/", "-"))) or "none"
        named = f"no weights {tag!r}" if tag else "no weights without a tag"
        raise EncoderUnavailable(
            f"OpenCLIP has {named} for {image_model}.",
            hint=f"MEDIACLUSTER_IMAGE_CHECKPOINT takes the path of a checkpoint or one of these tags: {tags}.",
        )
    return config


def _preprocessing_of_file(image_model: str, checkpoint: Path) -> dict[str, Any]:
    """The preprocessing for a bare checkpoint file, which does not contain it (OpenCLIP would assume its defaults).

    It is taken from the first of these: the configuration next to the file, as in a downloaded repository; the tag that a
    preset pairs with the architecture; what all tags of the architecture agree on; OpenCLIP's defaults.
    """
    beside = checkpoint.with_name(IMAGE_CONFIG_FILE)
    if beside.is_file():
        found: dict[str, Any] = _read_json(beside).get("preprocess_cfg", {})
        return found
    preset_tags = {preset.image_checkpoint for preset in PRESETS.values() if preset.image_model == image_model}
    tags = [tag for tag in preset_tags if tag] or open_clip.list_pretrained_tags_by_model(image_model)
    choices = [_overlaid(open_clip.get_pretrained_cfg(image_model, tag)) for tag in tags]
    return choices[0] if choices and all(choice == choices[0] for choice in choices) else {}


def _overlaid(tag: dict[str, Any]) -> dict[str, Any]:
    return {key: tag[key] for key in _OVERLAID if key in tag}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderUnavailable(f"{path} cannot be read: {error}.", hint="It must be a JSON file.") from error
    return content
