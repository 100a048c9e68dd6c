"""The documentation against the code: nothing undocumented, nothing documented that is not there."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from fastapi import FastAPI

from backend import errors
from backend.bootstrap import build_services
from backend.cli import app as cli
from backend.features.evaluation import Options
from backend.features.evaluation.measurement import EVALUATED
from backend.features.operations import diagnosis
from backend.settings import Settings
from backend.store.events import EventKind
from backend.store.functions import function_source
from backend.store.schema import Base, MediaStatus, SpaceState
from backend.web.api.app import create_app
from backend.web.middleware import problems

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")] + sorted(
    DOCS.rglob("*.md")
)
FOR_CONTRIBUTORS = [ROOT / "CONTRIBUTING.md", *sorted((DOCS / "dev").glob("*.md"))]
AN_ID = "01a20757-dbbc-7203-b2a8-d64a814c904f"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _fences(page: Path, *languages: str) -> list[str]:
    return [content for language, content in _FENCE.findall(_read(page)) if language in languages]


def _prose(page: Path) -> str:
    return _FENCE.sub("", _read(page))


def _section(page: Path, heading: str) -> str:
    """What stands under a heading, up to the next of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", _read(page), re.MULTILINE | re.DOTALL)
    assert found, f"{page.name} has no heading {heading!r}"
    return found[1]


def _anchors(page: Path) -> set[str]:
    """Anchors of headings as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(_prose(page))}


# --- commands ------------------------------------------------------------------------------------------------


def _commands(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if not hasattr(found, "commands"):
        yield " ".join(path), found
        return
    for name, command in found.commands.items():
        yield from _commands(command, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(cli)))


@pytest.mark.parametrize("name", COMMANDS)
def test_cli__each_command_and_option_is_documented(name: str) -> None:
    section = _section(DOCS / "reference/cli.md", f"mediacluster {name}")
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "argument":
            assert f"{parameter.name.upper()}" in section
        elif parameter.name != "help":
            assert f"| `{parameter.opts[0]}` |" in section, f"{parameter.opts[0]} of {name} is not documented"


def test_cli__no_command_or_option_is_made_up() -> None:
    page = DOCS / "reference/cli.md"
    headings = {heading.removeprefix("mediacluster ") for heading in _HEADING.findall(_prose(page))}
    assert headings == {"Command line", *COMMANDS}
    for name, command in COMMANDS.items():
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"^\| `(--?[\w-]+)`", _section(page, f"mediacluster {name}"), re.MULTILINE)) <= known


def test_cli__the_table_at_the_top_names_every_command() -> None:
    named = re.findall(r"\[`(\w[\w-]*)(?: \w+)?`\]\(#mediacluster", _section(DOCS / "reference/cli.md", "Command line"))
    assert sorted(set(named)) == sorted({name.split()[0] for name in COMMANDS})


def test_troubleshooting__shows_every_check_of_doctor() -> None:
    shown = re.findall(
        r"^(?:ok  |FAIL) ([\w ]+): ", _fences(DOCS / "how-to/troubleshooting.md", "text")[0], re.MULTILINE
    )
    made = re.findall(r'return _run\("([\w ]+)"', Path(diagnosis.__file__).read_text())
    assert "ocr" in made  # where it is switched on
    assert set(shown) == set(made) - {"ocr"}


def _shell_commands() -> Iterator[tuple[str, str]]:
    """Every call of `mediacluster` in a shell fence, those inside $( ) too, with the name of its page."""
    for page in PAGES:
        for fence in _fences(page, "sh", "bash"):
            for line in fence.replace("\\\n", " ").splitlines():
                calls = re.findall(r"\$\((mediacluster [^)]*)\)", line)
                calls += [words for words in [_own_call(line)] if words]
                yield from ((page.name, call) for call in calls)


def _own_call(line: str) -> str | None:
    """The part of a line from `mediacluster` to its end or the next command; also where compose runs it."""
    bare = re.sub(r"\s+#.*$", "", re.sub(r"\$\([^)]*\)", "", line))
    found = re.match(r"(?:\w+=\S* )*(?:docker compose run .*? api )?(mediacluster [^|;&>]*)", bare)
    return found[1] if found else None


def _parse(call: str) -> None:
    """Parse as the command line would, without running anything."""
    found: Any = typer.main.get_command(cli)
    arguments = shlex.split(re.sub(r"\$\w+", AN_ID, call))[1:]
    while hasattr(found, "commands"):
        found = found.commands[arguments.pop(0)]
    found.make_context("mediacluster", arguments)


@pytest.mark.parametrize(("page", "call"), list(dict.fromkeys(_shell_commands())))
def test_shell__mediacluster_commands_parse(page: str, call: str) -> None:
    _parse(call)


def test_parse__refuses_what_is_not_there() -> None:
    assert len(list(_shell_commands())) > 20
    assert _own_call("docker compose run --rm api mediacluster doctor  # well?") == "mediacluster doctor"
    with pytest.raises(KeyError):
        _parse("mediacluster fly")
    with pytest.raises(Exception, match="No such option"):
        _parse("mediacluster similar $ID --wings 2")


def test_prose__names_commands_and_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    groups = {name.split()[0] for name in COMMANDS}
    for page in PAGES:
        text = _prose(page) + "".join(_fences(page, "sh"))
        for command in re.findall(r"`mediacluster ([a-z][a-z-]*)", text):
            assert command in groups, f"{page.name}: mediacluster {command}"
        for target in re.findall(r"(?:^|`|cpu )make ([a-z]+)", text, re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


@pytest.mark.parametrize("page", FOR_CONTRIBUTORS, ids=lambda page: page.name)
def test_contributors__are_sent_to_files_and_tests_that_exist(page: Path) -> None:
    for path, name in re.findall(
        r"\b((?:tests|scripts|workers|alembic|benchmarks)/[\w./-]*\w)(?:::(\w+))?", _read(page)
    ):
        assert (ROOT / path).exists(), path
        assert not name or f"def {name}(" in _read(ROOT / path), name


# --- settings ------------------------------------------------------------------------------------------------


def test_prose__names_settings_that_exist() -> None:
    known = {f"MEDIACLUSTER_{name.upper()}" for name in Settings.model_fields}
    for page in PAGES:
        assert set(re.findall(r"\bMEDIACLUSTER_[A-Z_]+\b", _read(page))) <= known, page.name


def test_evaluation__says_how_large_its_samples_are() -> None:
    page = _read(DOCS / "explanation/evaluation.md")
    for options, words in (
        (Options(), "Above {media} pictures the thresholds are tried on a sample of {media}"),
        (Options(), "compared on up to {offline} labelled pictures"),
        (EVALUATED, "with a sample of {media}"),
        (EVALUATED, "({offline} on the quality page)"),
    ):
        said = words.format(media=f"{options.most_media:,}", offline=f"{options.most_offline:,}")
        assert said in page.replace("\n", " "), said


# --- HTTP ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def api() -> Iterator[FastAPI]:
    """The application over services that nobody asks anything: no server is started or reached."""
    settings = Settings(
        _env_file=None,
        database_url="postgresql://nobody@127.0.0.1:1/none",
        redis_url="redis://127.0.0.1:1/0",
        storage_url="memory://docs",
    )
    services = build_services(settings)
    yield create_app(services)
    services.database.dispose()


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _inputs(operation: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    """Names of everything that an operation takes beside what stands in its path."""
    yield from (one["name"] for one in operation.get("parameters", ()) if one["in"] != "path")
    for content in operation.get("requestBody", {}).get("content", {}).values():
        name = content["schema"]["$ref"].rpartition("/")[2]
        yield from schema["components"]["schemas"][name]["properties"]


def test_api__each_operation_is_documented(api: FastAPI) -> None:
    schema = api.openapi()
    page = DOCS / "reference/http-api.md"
    operations = dict(_operations(schema))
    for name, operation in operations.items():
        section = _section(page, name)
        assert f"`{operation['operationId']}`" in section
        for field in _inputs(operation, schema):
            assert f"`{field}`" in section, f"{field} of {name} is not documented"
    routes = {heading for heading in _HEADING.findall(_prose(page)) if re.match(r"[A-Z]+ /", heading)}
    assert routes == set(operations)


def _error_codes() -> set[str]:
    classes = [errors.MediaclusterError]
    for one in classes:
        classes += one.__subclasses__()
    other = {"method_not_allowed", "http_error"}
    assert other <= set(re.findall(r'"(\w+)"', Path(problems.__file__).read_text()))
    return {one.code for one in classes if one.__module__.startswith("backend.")} | other


def test_api__each_code_is_in_the_table_with_its_status() -> None:
    table = dict(
        re.findall(r"^\| `(\w+)` \| (\d+|—) \|", _section(DOCS / "reference/http-api.md", "Codes"), re.MULTILINE)
    )
    assert set(table) == _error_codes()
    for code, status in table.items():
        if code == "method_not_allowed":
            assert status == "405"
        else:
            assert status in {str(int(problems.status_of(code))), "—"}
        # A dash may stand only where no status was chosen for the code.
        assert status != "—" or int(problems.status_of(code)) == 500


def test_api__each_code_says_what_to_do_as_the_pages_do() -> None:
    """Beside the class stands what the table says; a class that has a code of its own has advice of its own."""
    rows = re.findall(
        r"^\| `(\w+)` \| .* \| ([^|]+) \|$", _section(DOCS / "reference/http-api.md", "Codes"), re.MULTILINE
    )
    said = dict(rows)
    kinds = errors.error_kinds()
    assert len(kinds) > 40
    assert {code: kind.advice for code, kind in kinds.items()} == {code: said[code] for code in kinds}
    assert [code for code, kind in kinds.items() if "advice" not in vars(kind)] == []


# --- SQL and events ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", Base.metadata.sorted_tables, ids=lambda table: table.name)
def test_sql__each_table_and_column_is_documented(table: Any) -> None:
    section = _section(DOCS / "reference/sql.md", table.name)
    missing = [column.name for column in table.columns if f"`{column.name}`" not in section]
    assert missing == []


def test_schema__the_diagrams_show_every_state_and_reference() -> None:
    page = DOCS / "reference/schema.md"
    states, spaces, *tables = _fences(page, "mermaid")
    for diagram, kind in ((states, MediaStatus), (spaces, SpaceState)):
        drawn = re.findall(r"^ +(\S+) --> (\w+)", diagram, re.MULTILINE)
        assert {state for pair in drawn for state in pair} == {"[*]", *kind}
    documented = re.findall(r"^\| `(\w+)` \|", _section(page, "States of a picture"), re.MULTILINE)
    assert sorted(documented) == sorted(MediaStatus)
    drawn = re.findall(r"^ +(\w+) (\|o|\|\|)--(o\||o\{) (\w+) : \"(\w+)\"", "\n".join(tables), re.MULTILINE)
    references = {
        (key.column.table.name, "|o" if column.nullable else "||", "o|" if alone else "o{", table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        for alone in [list(table.primary_key.columns) == [column]]
        for key in column.foreign_keys
    }
    assert sorted(drawn) == sorted(references)
    assert set(re.findall(r"^ +(\w+)$", "\n".join(tables), re.MULTILINE)) == {
        table.name for table in Base.metadata.tables.values() if not table.foreign_keys
    }


def test_sql__each_public_function_is_documented() -> None:
    page = DOCS / "reference/sql.md"
    names = (
        *("search_media", "search_media_batch", "search_media_by_index", "search_media_exactly"),
        *("similar_media", "nearest_clusters"),
    )
    source = "\n".join(function_source(name) for name in names)
    functions = re.findall(r"CREATE OR REPLACE FUNCTION (\w+)\((.*?)\)\s*RETURNS", source, re.DOTALL)
    assert len(functions) == len(names)
    for name, arguments in functions:
        assert f"`{name}({' '.join(arguments.split())})`" in _section(page, name)


def test_events__each_kind_is_documented() -> None:
    documented = re.findall(r"^\| `(\w+\.\w+)` \|", _read(DOCS / "reference/events.md"), re.MULTILINE)
    assert sorted(documented) == sorted(EventKind)


# --- form ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links__lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in _anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pictures__are_there_and_small(page: Path) -> None:
    for path in re.findall(r'<(?:img|source)[^>]*? src(?:set)?="([^"]+)"', _prose(page)):
        assert (page.parent / path).stat().st_size <= 200_000, f"{page.name}: {path}"


def test_index__leads_to_every_page() -> None:
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in _LINK.findall(_prose(DOCS / "index.md"))}
    assert {page for page in DOCS.rglob("*.md") if page.name != "index.md"} <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_fences__are_well_formed(page: Path) -> None:
    for program in _fences(page, "python"):
        ast.parse(program)
    for document in _fences(page, "json"):
        json.loads(document)
    assert _fences(page, "") == [], "Name the language of each fence; `text` for output."
