"""One module writes `media.status`, and with it the events of a picture."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HOME = "backend/store/media/states.py"
STATEMENTS = HOME.removesuffix("py")  # the statement files of that module begin with it
# A deletion is no state, but it ends them all.
TELLERS = {"READY": HOME, "FAILED": HOME, "DELETED": "backend/store/media/deletion.py"}
_SQL = re.compile(
    r"\bUPDATE\s+media\b(?:(?!\bWHERE\b).)*?\bSET\b(?:(?!\bWHERE\b).)*?\bstatus\s*=", re.IGNORECASE | re.DOTALL
)
_INSERT = re.compile(r"\bINSERT\s+INTO\s+media\b(?!_)", re.IGNORECASE)


def writes_in_sql(text: str) -> bool:
    return bool(_SQL.search(text) or _INSERT.search(text))


def writes_in_python(source: str) -> Iterator[int]:
    """The lines of a module that write a status: as text of SQL, or by SQLAlchemy where it knows of media."""
    tree = ast.parse(source)
    knows_media = any(
        isinstance(node, ast.ImportFrom) and {alias.name for alias in node.names} & {"Media", "MediaStatus"}
        for node in ast.walk(tree)
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and (
            (isinstance(node, ast.Constant) and isinstance(node.value, str) and writes_in_sql(node.value))
            or (isinstance(node, ast.JoinedStr) and writes_in_sql(ast.unparse(node)))
            or (knows_media and _writes_by_core(node))
        ):
            yield node.lineno


def _writes_by_core(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="values") | ast.Name(id="Media")):
            return any(keyword.arg == "status" for keyword in node.keywords)
        case ast.Dict():
            return any(
                isinstance(key, ast.Constant) and key.value == "status" and "MediaStatus." in ast.unparse(value)
                for key, value in zip(node.keys, node.values, strict=True)
            )
        case ast.Attribute(attr="status", ctx=ast.Store()):
            return True
        case _:
            return False


def modules() -> Iterator[tuple[str, str]]:
    for top in ("backend", "workers"):
        for path in sorted((ROOT / top).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def test_status__is_written_in_one_module() -> None:
    wrong = [f"{name}:{line}" for name, source in modules() if name != HOME for line in writes_in_python(source)]
    wrong += [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "backend").rglob("*.sql"))
        if not path.relative_to(ROOT).as_posix().startswith(STATEMENTS)
        and writes_in_sql(path.read_text(encoding="utf-8"))
    ]
    assert wrong == [], f"a state of a picture changes in {HOME} only"
    assert list(writes_in_python((ROOT / HOME).read_text(encoding="utf-8")))


def test_events_of_states__are_written_with_them() -> None:
    told = re.compile(r"EventKind\.(READY|FAILED|DELETED)\b")
    wrong = [
        f"{name} tells of {kind}"
        for name, source in modules()
        for kind in told.findall(source)
        if TELLERS[kind] != name
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "source",
    [
        "execute('UPDATE media SET attempts = 0, status = :status WHERE id = :id')",
        "execute(f'update media AS m SET status = {status}')",
        "execute('INSERT INTO media (id) VALUES (:id)')",
        "from x import Media\nsa.update(Media).values(attempts=0, status='failed')",
        "from x import Media, MediaStatus\nvalues = {'status': MediaStatus.FAILED}",
        "from x import Media\nmedia.status = 'failed'",
        "from x import Media\nMedia(id=1, status='pending')",
    ],
)
def test_a_write__is_noticed(source: str) -> None:
    assert list(writes_in_python(source))


@pytest.mark.parametrize(
    "source",
    [
        "execute('UPDATE media SET attempts = 0 WHERE status = :status')",
        "execute('INSERT INTO media_copy (id) VALUES (:id)')",
        "from x import IdempotencyKey\nsa.update(IdempotencyKey).values(status=202)",
        "from x import Media\nsa.select(Media).where(Media.status == 'failed')",
    ],
)
def test_a_read__is_not_taken_for_a_write(source: str) -> None:
    assert not list(writes_in_python(source))
