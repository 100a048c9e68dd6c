"""Encoders in ONNX Runtime: export, int8, the gate, and a space that keeps what it was made with."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import open_clip
import pytest
import torch
from typer.testing import CliRunner

from backend.cli import app
from backend.encoders import CopiedRuntime, Runtime, find_runtime, load_encoders, split_fingerprint
from backend.encoders.runtimes.copies import copies_folder
from backend.encoders.runtimes.names import Runtimes
from backend.encoders.runtimes.onnx.export import export_module, quantise, rank_by_loss, recipes
from backend.encoders.runtimes.onnx.module import OnnxTower
from backend.errors import EncoderUnavailable, FidelityTooLow, InputError, SpaceMismatch
from backend.features.intake import accept_picture
from backend.features.model_change import make_space
from backend.features.operations.diagnosis import check_encoders, check_runtimes
from backend.features.optimize.optimization import SideReport, optimize
from backend.features.services import Services
from backend.features.steps import embed_batch, open_active_space
from backend.files.text import MediaText
from backend.rules.measures import fidelity
from backend.settings import Settings
from backend.store.media.embeddings import fetch_image_embeddings

WORDS = ("a red boat", "a quiet harbour at dusk", "fog over the hills", "two cats on a wall", "snow in the old town")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies that the first test makes, for the others: exporting takes most of the time."""
    return tmp_path_factory.mktemp("copies") / "onnx"


@pytest.fixture
def library(make_services: Callable[..., Services], make_jpeg: Callable[..., bytes], made: Path) -> Services:
    """A hundred media that wait for their vectors, and the copies that are there already.

    At the usual threshold some of such pictures lie on the edge between groups, and a cosine of 0.9999 changes two of them.
    """
    services = make_services(threshold=0.3, text_runtime="torch")
    for seed in range(100):
        text = MediaText(title=f"{WORDS[seed % 5]} {seed}", caption=WORDS[(seed + 1) % 5])
        accept_picture(services, make_jpeg(seed), text, source="test")
    if made.exists():
        shutil.copytree(made, copies_folder(services.settings))
    return services


def optimized(services: Services, made: Path) -> list[SideReport]:
    reports = optimize(services, sample=200)
    if not made.exists():
        shutil.copytree(copies_folder(services.settings), made)
    return reports


def test_optimize__what_passes_makes_the_space(
    library: Services, made: Path, make_services: Callable[..., Services]
) -> None:
    image, text = optimized(make_services(threshold=0.3, text_runtime="onnx"), made)

    assert [trial.runtime for trial in image.trials] == ["onnx", "onnx-int8"]
    assert image.trials[0].fidelity.cosine > 0.9999
    assert image.trials[1].fidelity.changed == 0.0
    assert (image.chosen, image.kept) == ("onnx-int8", None)
    assert [(trial.runtime, trial.passed) for trial in text.trials] == [("onnx", True)]
    assert text.chosen == "onnx"

    fast = make_services(image_runtime="onnx-int8", text_runtime="onnx")
    space = open_active_space(fast)
    assert split_fingerprint(space.image_fingerprint)[1] == Runtime("onnx-int8")
    assert split_fingerprint(space.text_fingerprint)[1] == Runtime("onnx")
    assert space.description["runtimes"] == {"image": "onnx-int8", "text": "onnx"}
    assert space.description["fidelity"]["image"]["sampled"] == 100
    assert "onnxruntime" in space.description["runtime"]
    while embed_batch(fast, space):
        pass
    with fast.database.transaction() as session:
        ids, vectors = fetch_image_embeddings(session, space.id)
    assert len(ids) == 100
    exact = load_encoders(fast.settings, fast.encoders.names, runtimes=Runtimes())
    np.testing.assert_allclose(
        fast.encoders.text.embed_texts(list(WORDS)), exact.text.embed_texts(list(WORDS)), atol=1e-4
    )
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-3)

    # If the settings leave the runtimes open, they follow the space; other runtimes are refused.
    follower = make_services()
    assert open_active_space(follower).id == space.id
    assert follower.encoders.runtimes == Runtimes(Runtime("onnx-int8"), Runtime("onnx"))
    assert "pictures by onnx-int8 (as the space was created with)" in check_runtimes(follower).detail
    assert check_encoders(follower).ok
    with pytest.raises(SpaceMismatch, match="image and text"):
        open_active_space(make_services(image_runtime="torch", text_runtime="torch"))
    with pytest.raises(SpaceMismatch, match="text"):
        open_active_space(make_services(preset=None, text_runtime="torch"))
    # A machine without the copy says so before it claims anything.
    shutil.rmtree(copies_folder(follower.settings))
    elsewhere = make_services()
    with pytest.raises(EncoderUnavailable, match="mediacluster optimize"):
        embed_batch(elsewhere, open_active_space(elsewhere))


def test_optimize__a_gate_that_fails_leaves_torch_and_tells_the_figures(
    library: Services, made: Path, make_services: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity, "LEAST_COSINE", 1.5)

    image, text = optimized(library, made)

    assert (image.chosen, text.chosen) == ("torch", "torch")
    assert text.skipped
    # A recipe after the other, with more and more in full precision.
    assert [trial.runtime for trial in image.trials[:2]] == ["onnx", "onnx-int8"]
    assert len({trial.runtime for trial in image.trials}) == len(image.trials) > 2
    with pytest.raises(FidelityTooLow, match=r"1st percentile of the cosine \d\.\d+ \(at least 1\.5\)"):
        image.require("onnx-int8")
    image.require("auto")
    plain = make_services()
    assert plain.encoders.runtimes == Runtimes()
    space = open_active_space(plain)
    assert split_fingerprint(space.image_fingerprint)[1] == Runtime()
    assert space.description["fidelity"] == {}
    with pytest.raises(EncoderUnavailable, match="has passed"):
        open_active_space(make_services(image_runtime="onnx-int8"))


def test_optimize__a_space_of_torch_stays(
    library: Services, made: Path, make_services: Callable[..., Services]
) -> None:
    space = open_active_space(make_services(image_runtime="torch"))

    image, _text = optimized(library, made)

    assert (image.chosen, image.kept) == ("onnx-int8", "torch")
    later = make_services()
    assert open_active_space(later).id == space.id
    assert later.encoders.runtimes == Runtimes()
    # A space beside it may have another runtime; each is worked on with its own.
    beside = make_space(later, later.encoders.names, name="fast", actor="test")
    assert later.encoders_of(beside).runtimes == Runtimes(image=Runtime("onnx-int8"))
    assert later.encoders_of(space).runtimes == Runtimes()


def test_optimize__too_few_pictures(services: Services) -> None:
    with pytest.raises(InputError, match="0 pictures"):
        optimize(services, sample=200)


def test_optimize__on_the_command_line(
    settings: Settings, library: Services, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimized(library, made)
    chosen = settings.model_copy(update={"threshold": 0.3, "text_runtime": "torch"})
    monkeypatch.setattr("backend.settings.load_settings", lambda **_: chosen)
    result = CliRunner().invoke(app, ["optimize", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["image"]["chosen"] == "onnx-int8"
    assert report["image"]["trials"][1]["fidelity"]["cosine"] > 0.995


@pytest.mark.usefixtures("library")
def test_optimize__says_which_runtime_auto_left_out(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_runtime: CopiedRuntime) -> None:
        raise EncoderUnavailable("A package is not installed.")

    monkeypatch.setattr(type(find_runtime("onnx-int8")), "require_tools", refuse)
    chosen = settings.model_copy(update={"threshold": 0.3, "text_runtime": "torch"})
    monkeypatch.setattr("backend.settings.load_settings", lambda **_: chosen)

    result = CliRunner().invoke(app, ["optimize"])

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "image: onnx-int8 not measured: A package is not installed."
    assert lines[1].startswith("image: ok   onnx: ")
    assert "image: the first worker will use torch" in lines


# --- export and quantisation -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, Path]:
    torch.manual_seed(3)
    vision = {"image_size": 48, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16}
    words = {"context_length": 20, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1}
    tower = open_clip.CLIP(32, vision, words).visual.eval()
    # One activation far beyond the others, as in transformers that were trained for long.
    with torch.no_grad():
        tower.transformer.resblocks[1].mlp.c_fc.bias[0] = 500.0
    folder = tmp_path_factory.mktemp("tiny")
    export_module(tower, {"pixels": torch.rand(2, 3, 48, 48)}, {0: "batch"}, folder)
    return tower, folder / "model.onnx"


def test_export_module__any_number_of_pictures(exported: tuple[torch.nn.Module, Path]) -> None:
    tower, path = exported
    module = OnnxTower(path)
    for count in (1, 2, 7):
        pixels = torch.rand(count, 3, 48, 48)
        with torch.inference_mode():
            torch.testing.assert_close(module(pixels), tower(pixels), atol=1e-4, rtol=1e-3)


def test_quantise__the_product_that_loses_most_is_left_first(
    exported: tuple[torch.nn.Module, Path], tmp_path: Path
) -> None:
    tower, path = exported
    pixels = torch.rand(8, 3, 48, 48)
    ranked = rank_by_loss(path, {"pixels": pixels.numpy()})
    # Two blocks of four products each, and the projection at the end: the wide layer's way back in the second block.
    assert sorted(ranked) == list(range(9))
    assert ranked[0] == 7

    errors = []
    with torch.inference_mode():
        exact = tower(pixels)
        for number, in_full in enumerate(((), (0,), (7,))):
            folder = tmp_path / str(number)
            folder.mkdir()
            quantise(path, folder, in_full)
            graph = onnx.load(folder / "model.onnx").graph
            assert sum(node.op_type == "MatMulInteger" for node in graph.node) == 9 - len(in_full)
            errors.append(float((OnnxTower(folder / "model.onnx")(pixels) - exact).abs().max()))
    assert errors[2] < min(errors[:2])
    assert list(recipes(path, {"pixels": pixels.numpy()}))[:2] == [(), (7,)]


def test_open__a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(EncoderUnavailable, match="cannot open"):
        OnnxTower(tmp_path / "model.onnx")
