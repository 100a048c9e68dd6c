"""There is one way to write SQL: in the store, with `:name`, long statements in files, and rows by name (docs/dev/sql.md)."""

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from backend.store.schema import MediaStatus, Origin, SpaceState
from backend.store.spaces.bulk import INDEX_KINDS
from backend.store.statements import PARTS, Statements
from backend.store.titles import CALLED

ROOT = Path(__file__).parents[3]
STORE = ROOT / "backend" / "store"
TABLES = ROOT / "alembic" / "versions" / "0001_library.sql"
CATALOGUE = ROOT / "docs" / "dev" / "statements.md"
WRITER = runpy.run_path(str(ROOT / "scripts/statements.py"))
MOST_LINES = 3
_SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WITH \w+ AS)\b")
_COMPARED = re.compile(r"(status|state|origin)\)? *(?:=|<>|IN) *(\([^()]*\)|'\w+')")
_ROW_PLACES = re.compile(r"\brow\[[-\d:]|\brows\[-?\d+\]\[")


def product(pattern: str, top: Path = ROOT / "backend") -> Iterator[tuple[str, Path]]:
    """The files of the product, each with its name."""
    for path in sorted(top.rglob(pattern)):
        yield path.relative_to(ROOT).as_posix(), path


def text_of(node: ast.AST) -> str | None:
    """The text of a literal; what is put into an f-string counts as nothing."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
    return None


def literals(path: Path) -> Iterator[tuple[ast.expr, str]]:
    """All literals of a module but docstrings and the parts of f-strings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    inner |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = text_of(node)
        if text is not None and id(node) not in inner:
            assert isinstance(node, ast.expr)
            yield node, text


def line_count(path: Path, node: ast.expr) -> int:
    """Lines of the source that say something; the quotes of a block have lines of their own."""
    assert node.end_lineno is not None
    lines = path.read_text(encoding="utf-8").splitlines()[node.lineno - 1 : node.end_lineno]
    return len([line for line in lines if line.strip(' "') and not line.rstrip().endswith('= """')])


def test_statements__long_ones_are_files() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, path in product("*.py", STORE)
        for node, text in literals(path)
        if _SQL.search(text) and line_count(path, node) > MOST_LINES
    ]
    assert found == []


def test_functions__each_that_names_things_has_a_search_path() -> None:
    """A body that is inlined, or resolved when it is created, needs none (docs/decisions/0044-functions-carry-their-search-path.md)."""
    without = {
        path.stem
        for _, path in product("*.sql", STORE / "functions")
        if "\nSET search_path FROM CURRENT\n" not in path.read_text(encoding="utf-8")
    }
    assert without == {"search_policy", "folded", "folded_keywords", "folded_trigrams", "has_filters"}


def test_functions__bulk_loads_know_every_index_of_a_space() -> None:
    """A bulk load drops the indexes that `create_space_indexes` makes again, by their names."""
    made = re.findall(
        r"partition \|\| '_(\w+)'", (STORE / "functions/create_space_indexes.sql").read_text(encoding="utf-8")
    )
    assert sorted(made) == sorted(INDEX_KINDS)


def test_statements__pictures_are_called_by_the_same_columns_in_files_and_in_python() -> None:
    selected = str(sa.select(*CALLED).compile(compile_kwargs={"literal_binds": True}))
    assert selected.split() == f"SELECT {PARTS['called']} FROM media".split()


def test_statements__placeholders_are_names_with_a_colon() -> None:
    found = [
        f"{name}: {placeholder}"
        for pattern in ("*.py", "*.sql")
        for name, path in product(pattern, STORE)
        if path.name not in {"arrays.py", "schema.py"}  # which translates them; which names constraints by such
        for placeholder in re.findall(r"%\(\w+\)s", path.read_text(encoding="utf-8"))
    ]
    found += [
        f"{name}:{node.lineno}"
        for name, path in product("*.py", STORE)
        for node, text in literals(path)
        if _SQL.search(text) and re.search(r"(?<!['\w ])%s|= %s", text)
    ]
    assert found == []


def test_statements__each_file_is_used_by_its_module() -> None:
    found = []
    for path in WRITER["statement_files"]():
        name = path.relative_to(ROOT).as_posix()
        module_name, statement, _ = path.name.split(".")
        module = path.with_name(f"{module_name}.py")
        if not module.exists() or statement not in {text for _, text in literals(module)}:
            found.append(name)
    assert found == []


def test_statements__each_file_begins_with_its_purpose() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for path in WRITER["statement_files"]()
        if not re.match(r"-- \w.{10}", path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_statements__parts_are_filled_in(tmp_path: Path) -> None:
    (tmp_path / "work.claim.sql").write_text("SELECT {media_text} FROM media WHERE status IN {embedded} {matching}")
    assert Statements(str(tmp_path / "work.py"))("claim") == (
        "SELECT media.title, media.caption, media.keywords, media.location, media.story, media.taken_at, "
        "media.taken_at_precision, media.taken_at_source FROM media WHERE status IN ('embedded', 'ready') {matching}"
    )


def _said() -> Iterator[tuple[str, str, str]]:
    """Each state that SQL compares with: where, the column, and the state."""
    sources = [(name, path.read_text(encoding="utf-8")) for name, path in product("*.sql", STORE)]
    sources += [(name, text) for name, path in product("*.py", STORE) for _, text in literals(path)]
    sources += [(TABLES.name, TABLES.read_text(encoding="utf-8"))]
    for name, text in sources:
        for column, states in _COMPARED.findall(text):
            yield from ((name, column, state) for state in re.findall(r"'(\w+)'", states))


def test_states__in_sql_are_those_of_the_enums() -> None:
    """They stand there as literals, because a partial index is chosen by them (docs/dev/sql.md)."""
    states: dict[str, set[str]] = {"status": set(MediaStatus), "state": set(SpaceState), "origin": set(Origin)}
    said = list(_said())
    assert {column for _, column, _ in said} == set(states)
    assert len(said) > 60
    assert [one for one in said if one[2] not in states[one[1]]] == []


def test_states__what_makes_a_space_the_active_one_is_said_once() -> None:
    """Statements say `{active_space}`. The functions have no templates; the index and the schema are what they rely on."""
    assert {name for name, column, state in _said() if (column, state) == ("state", SpaceState.ACTIVE)} == {
        TABLES.name,
        "backend/store/functions/learned_effort.sql",
        "backend/store/functions/nearest_clusters.sql",
        "backend/store/schema.py",
    }
    assert [name for name, path in product("*.sql", STORE) if "'embedded', 'ready'" in path.read_text("utf-8")] == []


def test_states__the_tables_allow_those_of_the_enums() -> None:
    for text in (TABLES.read_text(encoding="utf-8"), (STORE / "schema.py").read_text(encoding="utf-8")):
        facts = text[text.index("CASE status") :].partition("END")[0]
        assert set(re.findall(r"WHEN '(\w+)' THEN", facts)) == set(MediaStatus)
        checks = {
            column: set(re.findall(r"'(\w+)'", states))
            for column, states in re.findall(r"""(?:CHECK \(|CheckConstraint\(")(\w+) IN (\([^()]+\))""", text)
        }
        assert checks["state"] == set(SpaceState)
        assert checks["origin"] == checks["label_origin"] == checks["representative_origin"] == set(Origin)


def test_rows__are_read_by_name() -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, path in product("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _ROW_PLACES.search(line)
    ]
    assert found == []


def test_statements__are_in_the_store() -> None:
    """Others pass a session on, and neither build a statement nor run one."""
    found = []
    for name, path in product("*.py"):
        if name.startswith("backend/store/"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.stmt | ast.expr):
                continue
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names if alias.name.split(".")[0] == "sqlalchemy"]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlalchemy":
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module == "backend.store.arrays":
                names = [alias.name for alias in node.names if alias.name != "next_values"]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                names = [node.func.attr] if ast.unparse(node.func) == "session.execute" else []
            found += [f"{name}:{node.lineno}: {one}" for one in names]
    assert found == []


def test_statements__are_read_beside_their_module(tmp_path: Path) -> None:
    (tmp_path / "work.claim.sql").write_text("-- Lease.\nSELECT 1\n")
    assert Statements(str(tmp_path / "work.py"))("claim") == "-- Lease.\nSELECT 1\n"


def test_catalogue__has_every_statement_with_its_purpose() -> None:
    """Not its plan, which depends on the version of Postgres."""
    written = re.findall(r"^## (\S+)\n\n(.+)$", CATALOGUE.read_text(encoding="utf-8"), re.MULTILINE)
    files = [(WRITER["title_of"](path), path.read_text(encoding="utf-8")) for path in WRITER["statement_files"]()]
    assert len(files) > 40
    assert written == [(title, WRITER["purpose_of"](text)) for title, text in files], "Run `make sql`."
