"""Each runtime has one value, found by its name."""

from pathlib import Path

import pytest

from backend.encoders import PLAIN, DerivedRuntime, ExportedRuntime, explain, find_runtime, list_runtimes
from backend.encoders.runtimes import __file__ as package
from backend.encoders.runtimes.names import Runtime
from backend.encoders.runtimes.registry import RUNTIME_NAMES
from backend.settings import RuntimeName, load_settings

SHARED = {"__init__", "base", "copies", "names", "registry"}


@pytest.mark.parametrize("name", RUNTIME_NAMES)
def test_find_runtime(name: RuntimeName) -> None:
    assert find_runtime(name).name == name


def test_list_runtimes__each_module_is_registered() -> None:
    modules = {path.stem for path in Path(package).parent.iterdir() if not path.stem.startswith("__pycache")}
    assert {name.replace("-", "_") for name in RUNTIME_NAMES} == modules - SHARED


def test_list_runtimes__one_is_always_there(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, device="cuda")
    offers = [runtime.offer(settings, "image", "weights") for runtime in list_runtimes()]
    assert [offer for offer in offers if offer] == [Runtime(PLAIN)]


def test_list_runtimes__what_is_derived_has_its_source() -> None:
    for runtime in list_runtimes():
        if isinstance(runtime, DerivedRuntime):
            assert isinstance(find_runtime(runtime.source), ExportedRuntime)


def test_explain__says_why_no_faster_runtime_serves(tmp_path: Path) -> None:
    elsewhere = load_settings(home=tmp_path, device="cuda")
    assert explain(elsewhere, "image", Runtime(), has_space=False) == "auto: the device is cuda"
    here = explain(load_settings(home=tmp_path), "text", Runtime(), has_space=False)
    assert here.startswith("auto: no int8 copy has passed on this library's pictures")
