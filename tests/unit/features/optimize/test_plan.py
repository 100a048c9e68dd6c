"""Which runtimes `mediacluster optimize` measures when the packages of some are not installed."""

import pytest

from backend.encoders import CopiedRuntime, find_runtime
from backend.errors import EncoderUnavailable
from backend.features.optimize.optimization import CopyPlan, plan_copies
from backend.settings import RuntimeName


@pytest.fixture(autouse=True)
def _all_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnx", "onnx-int8"):
        monkeypatch.setattr(type(find_runtime(name)), "require_tools", lambda _runtime: None)


def take_tools(monkeypatch: pytest.MonkeyPatch, *names: RuntimeName) -> None:
    for name in names:

        def refuse(runtime: CopiedRuntime) -> None:
            raise EncoderUnavailable(f"What {runtime.name} needs is not installed.")

        monkeypatch.setattr(type(find_runtime(name)), "require_tools", refuse)


def names_of(plan: CopyPlan) -> list[str]:
    return [runtime.name for runtime in plan.runtimes]


def test_plan_copies__auto_leaves_out_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    take_tools(monkeypatch, "onnx-int8")

    plan = plan_copies("auto")

    assert names_of(plan) == ["onnx"]
    assert plan.left_out == {"onnx-int8": "What onnx-int8 needs is not installed."}


def test_plan_copies__a_name_needs_its_own_tools_only(monkeypatch: pytest.MonkeyPatch) -> None:
    take_tools(monkeypatch, "onnx-int8")

    assert names_of(plan_copies("onnx")) == ["onnx"]
    assert names_of(plan_copies("torch")) == []
    with pytest.raises(EncoderUnavailable, match="onnx-int8"):
        plan_copies("onnx-int8")


def test_plan_copies__what_is_derived_needs_the_tools_of_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    assert names_of(plan_copies("onnx-int8")) == ["onnx", "onnx-int8"]
    take_tools(monkeypatch, "onnx")

    with pytest.raises(EncoderUnavailable, match="What onnx needs"):
        plan_copies("onnx-int8")
    with pytest.raises(EncoderUnavailable, match="What onnx needs"):
        plan_copies("auto")  # none is left


def test_plan_copies__everything_is_installed() -> None:
    plan = plan_copies("auto")

    assert (names_of(plan), plan.left_out) == (["onnx", "onnx-int8"], {})
