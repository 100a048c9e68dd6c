"""A second model for the demo library, and a library with a second space."""

import json
import shutil
import tempfile
from pathlib import Path

from backend.encoders import PRESETS
from backend.features.model_change import choose_names, compare, fill, make_space
from backend.features.services import Services
from backend.features.steps import fill_batch

_WIDE, _NARROW = 128, 96


def write_narrow_model(folder: Path, seed: int = 7) -> str:
    """Write a copy of the demo image model with both towers projected onto 96 of its 128 dimensions: a different model of almost the
    same quality. Another seed makes another model. Returns its `local-dir:` name."""
    import torch
    from safetensors.torch import load_file, save_file

    source = Path(PRESETS["demo"].image_model.removeprefix("local-dir:"))
    shutil.copytree(source, folder, dirs_exist_ok=True)
    weights = load_file(folder / "open_clip_model.safetensors")
    generator = torch.Generator().manual_seed(seed)
    onto = torch.linalg.qr(torch.randn(_WIDE, _NARROW, generator=generator, dtype=torch.float64))[0]
    for name, side in (
        ("visual.attnpool.c_proj.weight", 0),
        ("visual.attnpool.c_proj.bias", 0),
        ("text_projection", 1),
    ):
        old = weights[name]
        projected = onto.T @ old.double() if side == 0 else old.double() @ onto
        weights[name] = projected.to(old.dtype).contiguous()
    save_file(weights, folder / "open_clip_model.safetensors")
    config = json.loads((folder / "open_clip_config.json").read_text(encoding="utf-8"))
    config["model_cfg"]["embed_dim"] = _NARROW
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    return f"local-dir:{folder}"


def fill_spaces(services: Services) -> None:
    """Create a second space, fill it and compare it."""
    with tempfile.TemporaryDirectory(prefix="mediacluster-") as folder:
        model = write_narrow_model(Path(folder) / "demo-narrow")
        make_space(services, choose_names(services, None, model, None, None), name="narrow", actor="account:ada")
        fill(services, "narrow", actor="account:ada")
        while fill_batch(services):
            pass
        compare(services, "narrow", actor="account:ada")
