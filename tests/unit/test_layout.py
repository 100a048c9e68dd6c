"""The tree keeps its shape: outsiders import from a package's interface, never from the modules behind it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAP = ROOT / "docs/dev/map.md"
LAYERS = ("rules", "files", "store", "features")
# Loading one of these imports torch, Open CLIP or scipy, which takes seconds. So no interface does; modules that need one import it.
HEAVY = {
    "backend.encoders.image",
    "backend.encoders.text",
    "backend.features.optimize.optimization",
    "backend.rules.measures.fidelity",
}
# Modules that are used as a name space: `history.undo(...)`.
NAME_SPACES = {"backend.features.editing.history", "backend.rules.naming.terms"}


def packages() -> set[str]:
    """The packages that have an interface: one for each feature word of a layer, and the encoders."""
    found = {"backend.encoders"}
    for layer in LAYERS:
        found |= {f"backend.{layer}.{path.parent.name}" for path in (ROOT / "backend" / layer).glob("*/__init__.py")}
    return found


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, also within functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_layout__outsiders_import_from_interfaces() -> None:
    behind = sorted(packages())
    assert len(behind) > 40
    wrong = []
    for top in ("backend", "workers"):
        for path in sorted((ROOT / top).rglob("*.py")):
            importer = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for imported in imports(path):
                package = next((name for name in behind if imported.startswith(f"{name}.")), None)
                if package is None or importer.startswith(f"{package}.") or imported in HEAVY | NAME_SPACES:
                    continue
                wrong.append(f"{importer} imports {imported}: import it from {package}")
    assert wrong == []


def test_layout__heavy_modules_exist() -> None:
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "backend").rglob("*.py")}
    assert modules >= HEAVY | NAME_SPACES


def rooms() -> set[str]:
    """The packages that the map has to name: the top level, and a package for each feature of a layer."""
    packages = [ROOT / "workers", *(path.parent for path in (ROOT / "backend").glob("*/__init__.py"))]
    for layer in (*LAYERS, "encoders", "web"):
        packages += [path.parent for path in (ROOT / "backend" / layer).glob("*/__init__.py")]
    return {path.relative_to(ROOT).as_posix() for path in packages}


def test_map__has_a_line_for_each_room() -> None:
    mapped = re.findall(r"^\| `((?:backend|workers)[\w/]*)` \|", MAP.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(mapped) == sorted(rooms())


@pytest.mark.parametrize("page", ["map.md", "add.md"])
def test_map__names_modules_that_exist(page: str) -> None:
    named = re.findall(
        r"`((?:backend|workers|alembic|tests)/[\w./]+)`", (MAP.parent / page).read_text(encoding="utf-8")
    )
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []
