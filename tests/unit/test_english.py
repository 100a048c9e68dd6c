"""Sentences are plain English: no words that a native reader stumbles over. Those that users read have one name for each thing."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).resolve().parents[2]
BACKEND = ROOT / "backend"
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent.name != "decisions"),
]

STUMBLES = {
    r"\banew\b": "again",
    r"\bwhoever\b": "anyone who",
    r"\bto be had\b": "available",
    r"\bgone on with\b": "continued",
    r"\bshall\b": "must, should",
    r"\bin the place of\b": "instead of, in place of",
    r"\bnot any more\b": "no longer",
    r"\b(?:comes?|came) to nothing\b": "fails",
    r"\bwhat (?:has |had )?(?:become|became|becomes|come|came|comes) of\b": "the result of",
    r"\b(?:is|are|was|were) said of\b": "the text of, or the decision on",
    r"\bbelongs? into\b": "belongs to",
    r"\b(?:leads?|led|leading) (?:\w+ )?back\b": "goes back to, restores",
    r"\b(?:is|are|was|were) let in\b": "is accepted",
    r"\b(?:broken|broke|breaks) off\b": "interrupted",
    r"\bpass(?:ed|es)? by\b": "skipped",
    r"\bstands? in the way\b": "blocks",
    r"\bgoes? up in (?:it|another|the)\b": "is merged into",
    r"\b(?:is|are|was|were|found|remembered) no more\b(?! than)": "no longer",
    r"\bleave (?:it|them|`[^`]+`) away\b": "omit",
    r"\bif need be\b": "if needed",
    r"\bevery (?:failed |stored )?(?:pictures|groups)\b": "every picture",
    r"\b(?:a|an|each|one) (?:failed |stored )?(?:media(?! library)|pictures|groups)\b": "a picture",
    r"(?<!here )\b(?:is|are) no (?!longer\b|larger\b|better\b|more\b|nearer\b|worse\b|difference\b)(?:\w+ )?\w+[.;:)]": "is not a",
}
"""What to look for, and what to write instead."""

CONTRACT_NAMES = re.compile(
    r"(?i)(?<![\w/.-])(?:media|clusters?)(?![\w/.-]*[\w/-])(?! (?:types?|library|librarie?s|files?|videos?)\b)"
)
"""`media` and `cluster` belong to contracts: sentences say picture and group, and quote a name in backticks."""

# A quoted name, a placeholder, an address or a link target is no part of the sentence.
_QUOTED = re.compile(r"`[^`]*`|\{[^{}]*\}|\]\([^)]*\)|https?://\S+|'[^']{0,80}'")
_SQL = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE|FROM|JOIN|WHERE|COPY|EXPLAIN)\b")
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.MULTILINE | re.DOTALL)
_NAMING_HEADING = re.compile(r"#+ (?:mediacluster [a-z -]+|\w+)$")
_SCRIPT = re.compile(r"<(script|style|svg|template)\b.*?</\1>", re.DOTALL)
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_JAVASCRIPT = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')


def find_faults(sentence: str) -> list[str]:
    """The words of a sentence to be replaced, with what to write instead."""
    plain = _QUOTED.sub("·", sentence)
    faults = [f"{found[0]!r}: picture or group" for found in CONTRACT_NAMES.finditer(plain)]
    return find_stumbles(sentence) + faults


def find_stumbles(sentence: str) -> list[str]:
    """The same without names of contracts, which documentation of code uses."""
    plain = _QUOTED.sub("·", sentence)
    return [
        f"{found[0]!r}: {better}"
        for pattern, better in STUMBLES.items()
        for found in re.finditer(pattern, plain, re.IGNORECASE)
    ]


def _is_sentence(text: str) -> bool:
    return " " in text.strip() and re.search(r"[a-z]{2}", text) is not None and not _SQL.search(text)


def _python_sentences(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    skipped |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            text = node.value
        else:
            continue
        if _is_sentence(text):
            yield node.lineno, text
    for node in ast.walk(tree):
        if _is_published(node, path):
            yield node.lineno, ast.get_docstring(node) or ""


def _read_notes(path: Path) -> Iterator[tuple[int, str]]:
    """Docstrings and comments of a module."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _is_published(node: ast.AST, path: Path) -> TypeGuard[ast.FunctionDef | ast.ClassDef]:
    """Whether OpenAPI or `--help` shows the docstring."""
    if isinstance(node, ast.FunctionDef):
        return bool(node.decorator_list) and any(
            path.is_relative_to(BACKEND / room) for room in ("web/api/routes", "cli")
        )
    return isinstance(node, ast.ClassDef) and path.is_relative_to(BACKEND / "web/api/schemas")


def _template_sentences(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    text = _JINJA.sub(lambda found: "·" + "\n" * found[0].count("\n"), text)
    text = _SCRIPT.sub(lambda found: "·" + "\n" * found[0].count("\n"), text)
    for number, line in enumerate(text.split("\n"), 1):
        for part in re.split(r"<[^>]*>", line):
            if _is_sentence(part):
                yield number, unescape(part)
        for attribute in re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]*)"', line):
            if _is_sentence(attribute):
                yield number, unescape(attribute)


def _script_sentences(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        for double, back in _JAVASCRIPT.findall(line.partition(" // ")[0]):
            text = re.sub(r"\$\{[^}]*\}", "·", double or back)
            if _is_sentence(text) and re.search(r"^[A-Z·].*[a-z] [a-z]", text):
                yield number, text


def _page_sentences(path: Path) -> Iterator[tuple[int, str]]:
    text = _FENCE.sub(lambda found: "\n" * found[0].count("\n"), path.read_text(encoding="utf-8"))
    for number, line in enumerate(text.split("\n"), 1):
        if not line.startswith(("    ", "<", "  <")) and not _NAMING_HEADING.match(line):
            yield number, line


def _read(path: Path) -> Iterator[tuple[int, str]]:
    return {".py": _python_sentences, ".html": _template_sentences, ".js": _script_sentences}.get(
        path.suffix, _page_sentences
    )(path)


def _sources() -> list[Path]:
    drawn = BACKEND / "demo" / "gallery"
    code = [path for room in (BACKEND, ROOT / "workers") for path in sorted(room.rglob("*.py"))]
    pages = [path for suffix in ("html", "js") for path in sorted(BACKEND.rglob(f"*.{suffix}"))]
    return [path for path in (*code, *pages, *PAGES) if not path.is_relative_to(drawn) and ".min." not in path.name]


def test_english__users_read_plain_words() -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{number}: {fault}"
        for path in _sources()
        for number, sentence in _read(path)
        for fault in find_faults(sentence)
    ]
    assert faults == []


@pytest.mark.parametrize("room", ["backend", "workers", "scripts", "benchmarks", "tests"])
def test_english__developers_read_plain_words(room: str) -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{number}: {fault}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for number, note in _read_notes(path)
        for fault in find_stumbles(note)
    ]
    assert faults == []


@pytest.mark.parametrize(
    "sentence",
    [
        "Draw the map anew.",
        "1.5 is no threshold.",
        "Every failed media is tried again.",
        "There is no cluster 7.",
        "A correction names the group that it belongs into.",
        "`mediacluster space rollback` leads back.",
    ],
)
def test_find_faults__stumbles_are_found(sentence: str) -> None:
    assert find_faults(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no group 7.",
        "The group is no longer locked.",
        "Run `mediacluster cluster show` and `mediacluster media move`.",
        "GET /media/{media_id} and `cluster_id` are names of the API.",
        "Renamed group 3 'a media cluster' to 'anew'",
    ],
)
def test_find_faults__names_of_contracts_are_quoted(sentence: str) -> None:
    assert find_faults(sentence) == []


def test_sources__every_kind_is_read() -> None:
    kinds = {path.suffix for path in _sources() if any(True for _ in _read(path))}
    assert kinds == {".py", ".html", ".js", ".md"}


@pytest.mark.parametrize("room", ["web/api/routes", "web/api/schemas", "cli"])
def test_published__docstrings_of_each_room_are_read(room: str) -> None:
    paths = sorted((BACKEND / room).rglob("*.py"))
    assert any(_is_published(node, path) for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8"))))
