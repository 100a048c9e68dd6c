"""A field of the text is known wherever text comes in or goes out: one that is forgotten somewhere is named here."""

import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from backend.cli.editing import reword
from backend.errors import InvalidText
from backend.files.text import (
    RECORD_NAMES,
    WORDS,
    MediaText,
    TextChanges,
    clean_media_text,
    embedding_text,
    fit_media_text,
    text_of_record,
)
from backend.settings import Settings
from backend.store.media import media_columns
from backend.store.schema import Media
from backend.web.api.schemas.schemas import MediaDetail, TextChangesInput, TextForm, TextInput
from tests.support.limits import make_limits

BACKEND = Path(__file__).parents[4] / "backend"
# The modules that name each field; docs/dev/add.md lists them. Others take the fields from `MediaText` or `WORDS`.
HOMES = {
    "cli/editing.py",
    "files/text/text.py",
    "settings.py",
    "store/schema.py",
    "web/api/schemas/schemas.py",
    "web/pages/templates/media.html",
}
# What is known of the moment beside it, such as its source, follows from where it comes in.
NAMES = {field.name for field in fields(MediaText) if field.compare}


def test_fields__every_one_has_its_rule() -> None:
    assert WORDS.keys() | {"keywords", "taken_at"} == NAMES
    for words in WORDS.values():
        assert words.most_characters(make_limits()) == Settings.model_fields[words.limit].default


def test_fields__few_modules_name_them_all() -> None:
    """Each of these is a file to touch for a new field."""
    naming = {
        path.relative_to(BACKEND).as_posix()
        for path in BACKEND.rglob("*.*")
        if path.suffix in {".py", ".sql", ".html", ".js"} and path.relative_to(BACKEND).parts[0] != "demo"
        if all(re.search(rf"\b{name}\b", path.read_text(encoding="utf-8")) for name in (*WORDS, "keywords"))
    }
    assert naming == HOMES


def test_fields__they_come_in_and_go_out_everywhere() -> None:
    places = {
        "changes": {field.name for field in fields(TextChanges)},
        "records": set(RECORD_NAMES),
        "table": set(Media.__table__.columns.keys()),
        "columns": set(media_columns(MediaText())),
        "texts of a request": set(TextInput.model_fields),
        "changes of a request": set(TextChangesInput.model_fields),
        "answers": set(MediaDetail.model_fields),
        "forms of API and pages": {field.name for field in fields(TextForm)},
        # The command line calls the list by one of its words, and cannot change the moment.
        "command line": set(inspect.signature(reword).parameters) | {"keywords", "taken_at"},
    }
    assert {place: NAMES - known for place, known in places.items() if not known >= NAMES} == {}


def text_of(**words: Any) -> MediaText:
    return MediaText(**words)


@pytest.mark.parametrize("name", WORDS)
def test_words__each_is_cleaned_bounded_cut_read_and_embedded(name: str) -> None:
    most = WORDS[name].most_characters(make_limits())
    assert clean_media_text(text_of(**{name: " a <b>word</b> "}), make_limits()) == text_of(**{name: "a word"})
    with pytest.raises(InvalidText, match=f"The {name} has {most + 1:,} characters"):
        clean_media_text(text_of(**{name: "x" * (most + 1)}), make_limits())
    assert len(getattr(fit_media_text(text_of(**{name: "x" * (most + 1)}), make_limits()), name)) == most
    for called in (name, *WORDS[name].also_called):
        assert text_of_record({called: "a word"}, make_limits()) == text_of(**{name: "a word"})
    assert embedding_text(text_of(**{name: "a word"})) == "a word."
