"""What programs change in files after the import reaches the library, and what people set there stays."""

import io
import json
import shutil
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image
from typer.testing import CliRunner

from backend.cli.application import app
from backend.features.editing import rewrite, rewrite_text, wording
from backend.features.intake import ImportReport, accept_picture, import_items, list_items
from backend.features.refresh import PictureChanges, WordsReport, refresh_files, refresh_originals
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, fill_batch, open_active_space
from backend.files.text import MediaText, TextChanges
from backend.settings import Settings
from backend.store.access import list_acts
from backend.store.media import digest_fields, get_media_for_update
from backend.store.schema import Membership
from tests.support.command_line import use_library
from tests.support.library import stored, stored_vectors
from tests.support.pictures import Pictures

LOCK = "backend.features.refresh.words.get_media_for_update"
EXIF = 'xmlns:exif="http://ns.adobe.com/exif/1.0/"'


def xmp(caption: str = "", keywords: Sequence[str] = (), *, title: str = "", more: str = "") -> bytes:
    """A sidecar as Lightroom writes it."""
    words = "".join(f"<rdf:li>{escape(word)}</rdf:li>" for word in keywords)
    return Pictures.xmp(
        (
            f"<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>{escape(title)}</rdf:li></rdf:Alt></dc:title>"
            if title
            else ""
        )
        + (
            f"<dc:description><rdf:Alt><rdf:li xml:lang='x-default'>{escape(caption)}</rdf:li></rdf:Alt></dc:description>"
            if caption
            else ""
        )
        + (f"<dc:subject><rdf:Bag>{words}</rdf:Bag></dc:subject>" if words else "")
        + more
    )


def take_in(services: Services, *sources: Path) -> ImportReport:
    items, left_out = list_items(services, [str(source) for source in sources])
    report = ImportReport(left_out=left_out)
    list(import_items(services, items, report))
    assert not report.failed
    return report


def id_of(report: ImportReport, name: str) -> uuid.UUID:
    (found,) = [media_id for media_id, path in report.new.items() if Path(path).name == name]
    return found


def refreshed(
    services: Services, *sources: Path, dry_run: bool = False
) -> tuple[WordsReport, dict[str, dict[str, tuple[Any, Any]]]]:
    """The account of a refresh, and its changes by file name and field."""
    items, _ = list_items(services, [str(source) for source in sources])
    told: list[PictureChanges] = []
    report = refresh_files(services, items, dry_run=dry_run, actor="ada", on_change=told.append)
    changes = {
        Path(one.path).name: {change.field: (change.old, change.new) for change in one.changes}
        for one in told
        if one.changes
    }
    return report, changes


def group(services: Services) -> None:
    space = open_active_space(services)
    while embed_batch(services, space):
        pass
    Assigner(services, space).assign_waiting()


@pytest.fixture
def folder(tmp_path: Path, make_jpeg: Callable[..., bytes]) -> Path:
    """Four pictures: with XMP, with JSON of our own, with words inside, and without words."""
    top = tmp_path / "Pictures"
    top.mkdir()
    for seed, name in enumerate(("xmp.jpg", "json.jpg", "inside.jpg", "bare.jpg"), start=1):
        (top / name).write_bytes(make_jpeg(seed))
    (top / "xmp.jpg.xmp").write_bytes(xmp("A harbour", ["boats"], title="Harbour"))
    (top / "json.jpg.json").write_text(json.dumps({"title": "Street", "caption": "A street", "keywords": ["cars"]}))
    inside = "<dc:description>A mill</dc:description>"
    (top / "inside.jpg").write_bytes(Pictures.with_xmp((top / "inside.jpg").read_bytes(), inside))
    return top


def test_refresh__takes_up_what_changed_in_sidecars_and_only_that(services: Services, folder: Path) -> None:
    report = take_in(services, folder)
    group(services)
    media_id = id_of(report, "xmp.jpg")
    before = stored_vectors(services, media_id)
    assert refreshed(services, folder)[0].unchanged == 4
    (folder / "xmp.jpg.xmp").write_bytes(xmp("A harbour in the rain", ["boats", "rain"], title="Harbour"))

    preview, shown = refreshed(services, folder, dry_run=True)

    expected = {
        "xmp.jpg": {
            "caption": ("A harbour", "A harbour in the rain"),
            "keywords": (["boats"], ["boats", "rain"]),
        }
    }
    assert shown == expected
    assert (preview.dry_run, preview.looked_at, preview.unchanged, preview.changed) == (True, 4, 3, 1)
    assert stored(services, media_id).caption == "A harbour"

    done, changes = refreshed(services, folder)

    assert changes == expected
    assert (done.looked_at, done.unchanged, done.changed, done.fields) == (4, 3, 1, {"caption": 1, "keywords": 1})
    assert list(done.renewed) == [media_id]
    media = stored(services, media_id)
    assert (media.title, media.caption, media.keywords) == ("Harbour", "A harbour in the rain", ["boats", "rain"])
    # The words alone are embedded again, by the workers; the picture and its group stay.
    assert fill_batch(services) == 1
    assert fill_batch(services) == 0
    after = stored_vectors(services, media_id)
    assert np.array_equal(before.image_embedding, after.image_embedding)
    (text,) = services.encoders.text.embed_texts(["Harbour. A harbour in the rain. boats, rain."])
    np.testing.assert_allclose(after.text_embedding, text, atol=1e-6)
    (caption,) = services.encoders.image.embed_words(["A harbour in the rain"])
    np.testing.assert_allclose(after.caption_embedding, caption, atol=1e-6)
    with services.database.transaction() as session:
        (act,) = list_acts(session, limit=10, act="media.refreshed")
    assert (act.actor, act.subject, act.details) == ("ada", str(media_id), {"fields": ["caption", "keywords"]})

    again, changes = refreshed(services, folder)

    assert (again.unchanged, again.changed, again.renewed, changes) == (4, 0, {}, {})


def test_refresh__fields_that_a_curator_has_edited_stay(services: Services, folder: Path) -> None:
    report = take_in(services, folder)
    media_id = id_of(report, "json.jpg")
    rewrite_text(services, media_id, TextChanges(caption="My words", location=""), actor="curator")
    rewrite_text(services, media_id, TextChanges(keywords=()), actor="curator")
    (folder / "json.jpg.json").write_text(
        json.dumps({"title": "A new title", "caption": "A program's words", "keywords": ["trams"]})
    )

    for fields in ({"title": 1}, {}):
        done, _ = refreshed(services, folder)
        assert (done.fields, done.kept) == (fields, {"caption": 1, "keywords": 1})
        media = stored(services, media_id)
        assert (media.title, media.caption, media.keywords) == ("A new title", "My words", [])


def test_refresh__a_curator_who_saves_meanwhile_wins(
    services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_id = id_of(take_in(services, folder), "xmp.jpg")
    (folder / "xmp.jpg.xmp").write_bytes(xmp("A program's words", ["fish"], title="Harbour"))

    def save_first(*arguments: Any) -> Any:
        # The refresh has decided by now, and does not hold the lock yet.
        monkeypatch.setattr(LOCK, get_media_for_update)
        rewrite_text(services, media_id, TextChanges(caption="My words"), actor="curator")
        return get_media_for_update(*arguments)

    monkeypatch.setattr(LOCK, save_first)
    done, _ = refreshed(services, folder)

    media = stored(services, media_id)
    assert (media.caption, media.keywords) == ("My words", ["fish"])
    assert (done.kept, done.fields) == ({"caption": 1}, {"keywords": 1})


def test_refresh__an_edit_that_it_overtakes_wins_too(
    services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_id = id_of(take_in(services, folder), "xmp.jpg")
    group(services)
    (folder / "xmp.jpg.xmp").write_bytes(xmp("A program's words", ["fish"], title="Harbour"))
    encode = wording.encode_wordings

    def refresh_first(*arguments: Any) -> Any:
        monkeypatch.setattr(rewrite, "encode_wordings", encode)
        assert refreshed(services, folder)[0].changed == 1
        return encode(*arguments)

    monkeypatch.setattr(rewrite, "encode_wordings", refresh_first)
    rewrite_text(services, media_id, TextChanges(caption="My words"), actor="curator")

    media = stored(services, media_id)
    assert (media.caption, media.keywords) == ("My words", ["fish"])
    (expected,) = services.encoders.text.embed_texts(["Harbour. My words. fish."])
    np.testing.assert_allclose(stored_vectors(services, media_id).text_embedding, expected, atol=1e-6)
    assert refreshed(services, folder)[0].kept == {}  # the file says nothing new


def test_refresh__words_removed_in_a_sidecar_are_removed(services: Services, folder: Path) -> None:
    media_id = id_of(take_in(services, folder), "xmp.jpg")
    (folder / "xmp.jpg.xmp").write_bytes(xmp("", ["boats"], title="Harbour"))
    done, changes = refreshed(services, folder)
    assert changes == {"xmp.jpg": {"caption": ("A harbour", "")}}
    assert (done.fields, stored(services, media_id).caption) == ({"caption": 1}, "")
    assert refreshed(services, folder)[0].changed == 0


@pytest.mark.parametrize("damage", ["broken", "gone", "disputed", "too_large"])
def test_refresh__nothing_is_removed_where_a_sidecar_cannot_be_read(
    services: Services, folder: Path, damage: str
) -> None:
    media_id = id_of(take_in(services, folder), "json.jpg")
    sidecar = folder / "json.jpg.json"
    if damage == "broken":
        sidecar.write_text('{"title": "Str')
    elif damage == "gone":
        sidecar.unlink()
    elif damage == "too_large":
        sidecar.write_bytes(b" " * (1 << 20) + sidecar.read_bytes())
    else:
        sidecar.rename(folder / "json.json")
        shutil.copy(folder / "bare.jpg", folder / "json.png")
    done, changes = refreshed(services, folder / "json.jpg")
    assert (done.unreadable, done.changed, changes) == (1, 0, {})
    assert [warning.code for warning in done.warnings] == ([] if damage == "gone" else ["invalid_text"])
    media = stored(services, media_id)
    assert (media.title, media.caption, media.keywords) == ("Street", "A street", ["cars"])
    # Once it can be read, it counts again.
    (folder / "json.json").unlink(missing_ok=True)
    sidecar.write_text(json.dumps({"title": "Street", "caption": "Mended"}))
    done, changes = refreshed(services, folder / "json.jpg")
    # While it was gone, nobody said that it has no keywords.
    keywords: dict[str, Any] = {} if damage == "gone" else {"keywords": (["cars"], [])}
    assert changes == {"json.jpg": {"caption": ("A street", "Mended")} | keywords}
    assert done.unreadable == 0


def test_refresh__after_a_sidecar_is_gone_the_file_itself_counts(
    services: Services, folder: Path, make_jpeg: Callable[..., bytes]
) -> None:
    (folder / "inside.jpg.xmp").write_bytes(xmp("Of the sidecar", ["mill"]))
    media_id = id_of(take_in(services, folder), "inside.jpg")
    (folder / "inside.jpg.xmp").unlink()
    for unreadable in (1, 0):
        done, changes = refreshed(services, folder)
        assert (changes, done.unreadable) == ({}, unreadable)
        assert stored(services, media_id).caption == "Of the sidecar"
    (folder / "inside.jpg").write_bytes(Pictures.with_xmp(make_jpeg(3), "<dc:description>News</dc:description>"))
    assert refreshed(services, folder)[1] == {"inside.jpg": {"caption": ("Of the sidecar", "News")}}
    assert stored(services, media_id).keywords == ["mill"]


def test_refresh__what_can_be_read_of_a_sidecar_is_taken_up(services: Services, folder: Path) -> None:
    media_id = id_of(take_in(services, folder), "json.jpg")
    (folder / "json.jpg.json").write_text(json.dumps({"caption": "New", "taken_at": "soon"}))
    done, changes = refreshed(services, folder / "json.jpg")
    assert changes == {"json.jpg": {"caption": ("A street", "New")}}
    assert (done.unreadable, done.warned, done.warnings[0].code) == (1, 1, "invalid_text")
    assert stored(services, media_id).title == "Street"


def test_refresh__a_new_date_or_place_embeds_nothing(services: Services, folder: Path) -> None:
    media_id = id_of(take_in(services, folder), "xmp.jpg")
    group(services)
    before = stored_vectors(services, media_id)
    more = (
        f"<exif:DateTimeOriginal {EXIF}>2020-05-01T10:00:00Z</exif:DateTimeOriginal>"
        f"<exif:GPSLatitude {EXIF}>10,30.0N</exif:GPSLatitude><exif:GPSLongitude {EXIF}>20,30.0E</exif:GPSLongitude>"
    )
    (folder / "xmp.jpg.xmp").write_bytes(xmp("A harbour", ["boats"], title="Harbour", more=more))
    done, changes = refreshed(services, folder)
    place = {"latitude_degrees": 10.5, "longitude_degrees": 20.5}
    assert changes == {"xmp.jpg": {"taken_at": ("", "2020-05-01T10:00:00+00:00"), "place": ({}, place)}}
    assert done.renewed == {}
    assert fill_batch(services) == 0
    media = stored(services, media_id)
    assert (media.taken_at, media.taken_at_source) == (
        datetime(2020, 5, 1, 10, tzinfo=UTC),
        "xmp:exif:DateTimeOriginal",
    )
    assert media.exif == media.exif | place
    assert np.array_equal(before.text_embedding, stored_vectors(services, media_id).text_embedding)
    assert refreshed(services, folder)[0].changed == 0
    (folder / "xmp.jpg.xmp").write_bytes(xmp("A harbour", ["boats"], title="Harbour"))
    assert set(refreshed(services, folder)[1]["xmp.jpg"]) == {"taken_at", "place"}
    media = stored(services, media_id)
    assert media.taken_at is None
    assert "latitude_degrees" not in media.exif


def test_refresh__words_that_a_program_has_written_into_the_file(
    services: Services, folder: Path, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    media_id = id_of(take_in(services, folder), "inside.jpg")
    original = stored(services, media_id).sha256
    changed = Pictures.with_xmp(make_jpeg(3), "<dc:description>A mill at night</dc:description>")
    (folder / "inside.jpg").write_bytes(changed)

    done, changes = refreshed(services, folder)

    assert changes == {"inside.jpg": {"caption": ("A mill", "A mill at night")}}
    assert (done.rewritten, done.not_in_library, done.other_pixels) == (1, 0, 0)
    assert (stored(services, media_id).caption, stored(services, media_id).sha256) == ("A mill at night", original)
    # Pixels are compared once.
    monkeypatch.setattr("backend.features.refresh.words._Run._has_same_pixels", None)
    again, _ = refreshed(services, folder)
    assert (again.rewritten, again.changed, again.unchanged) == (1, 0, 4)
    monkeypatch.undo()
    # Without its words, and as it was.
    (folder / "inside.jpg").write_bytes(make_jpeg(3))
    assert refreshed(services, folder)[1] == {"inside.jpg": {"caption": ("A mill at night", "")}}


def test_refresh__other_pixels_and_unknown_files_are_left_alone(
    services: Services, folder: Path, make_jpeg: Callable[..., bytes]
) -> None:
    media_id = id_of(take_in(services, folder), "xmp.jpg")
    (folder / "xmp.jpg").write_bytes(make_jpeg(77))
    (folder / "new.jpg").write_bytes(make_jpeg(78))
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "xmp.jpg.xmp").write_bytes(xmp("Somebody else", ["boats"]))
    done, changes = refreshed(services, folder)
    assert changes == {}
    assert done.other_pixels_paths == [str(folder / "xmp.jpg")]
    assert done.not_in_library_paths == [str(folder / "new.jpg")]
    assert [(failure.path, failure.code) for failure in done.failures] == [
        (str(folder / "torn.jpg"), "image_truncated")
    ]
    assert (done.looked_at, done.unchanged, done.changed) == (6, 3, 0)
    assert stored(services, media_id).caption == "A harbour"


def test_refresh__copies_with_other_words_do_not_take_turns(
    services: Services, tmp_path: Path, make_jpeg: Callable[..., bytes]
) -> None:
    for name, caption in (("a", "One"), ("b", "Two"), ("c", "Three")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jpg").write_bytes(make_jpeg(1))
        (tmp_path / name / "x.jpg.xmp").write_bytes(xmp(caption))
    (media_id,) = take_in(services, tmp_path / "a").new
    take_in(services, tmp_path / "b")
    # The third was never imported: it is another copy, and fills only what is empty.
    for _ in range(2):
        assert refreshed(services, tmp_path)[0].changed == 0
        assert stored(services, media_id).caption == "One"
    for name in ("b", "c"):
        (tmp_path / name / "x.jpg.xmp").write_bytes(xmp(f"News of {name}"))
        assert refreshed(services, tmp_path)[0].changed == 1
        assert refreshed(services, tmp_path)[0].changed == 0
        assert stored(services, media_id).caption == f"News of {name}"
    # What the first file does not say any more was not shown.
    (tmp_path / "a" / "x.jpg.xmp").write_bytes(xmp("", ["only"]))
    assert refreshed(services, tmp_path)[1] == {"x.jpg": {"keywords": ([], ["only"])}}


def test_refresh__a_folder_that_was_moved(services: Services, folder: Path) -> None:
    report = take_in(services, folder)
    moved = folder.rename(folder.with_name("Moved"))
    assert refreshed(services, moved)[0].changed == 0
    (moved / "xmp.jpg.xmp").write_bytes(xmp("A harbour in the rain", ["boats"], title="Harbour"))
    assert refreshed(services, moved)[1] == {"xmp.jpg": {"caption": ("A harbour", "A harbour in the rain")}}
    (moved / "xmp.jpg.xmp").write_bytes(xmp("", ["boats"], title="Harbour"))
    assert refreshed(services, moved)[1] == {"xmp.jpg": {"caption": ("A harbour in the rain", "")}}
    assert stored(services, id_of(report, "xmp.jpg")).caption == ""


def test_refresh__what_came_with_an_upload_stays(
    services: Services, folder: Path, make_jpeg: Callable[..., bytes]
) -> None:
    media_id = accept_picture(
        services, make_jpeg(1), MediaText(title="Given"), source="upload", source_uri="x.jpg"
    ).media_id
    done, changes = refreshed(services, folder / "xmp.jpg")
    assert changes == {"xmp.jpg": {"caption": ("", "A harbour"), "keywords": ([], ["boats"])}}
    assert done.kept == {"title": 1}
    assert stored(services, media_id).title == "Given"


def test_refresh__words_of_a_manifest(services: Services, folder: Path) -> None:
    manifest = folder / "list.csv"
    manifest.write_text("path,title,caption\nxmp.jpg,From the list,\nbare.jpg,,Bare\n")
    report = take_in(services, manifest)
    media_id, bare = id_of(report, "xmp.jpg"), id_of(report, "bare.jpg")
    assert stored(services, media_id).title == "From the list"
    (folder / "xmp.jpg.xmp").write_bytes(xmp("News", ["boats"], title="From the sidecar"))
    done, changes = refreshed(services, folder)
    assert changes == {"xmp.jpg": {"caption": ("A harbour", "News")}}
    assert done.kept == {"title": 1}
    manifest.write_text("path,title,caption\nxmp.jpg,The new list,\nbare.jpg,A title,Bare\n")
    rewrite_text(services, bare, TextChanges(title="Mine"), actor="curator")
    done, changes = refreshed(services, manifest)
    assert changes == {"xmp.jpg": {"title": ("From the list", "The new list")}}
    assert done.kept == {"title": 1}
    assert refreshed(services, manifest)[0].changed == 0
    assert refreshed(services, folder)[0].changed == 0


def test_refresh__takeout_trees(services: Services, tmp_path: Path, make_jpeg: Callable[..., bytes]) -> None:
    top = tmp_path / "Takeout"
    for name in ("Album", "Photos from 2020"):
        (top / name).mkdir(parents=True)
        (top / name / "IMG_1.jpg").write_bytes(make_jpeg(1))
    record: dict[str, Any] = {"title": "IMG_1.jpg", "description": "First"}
    sidecar = top / "Photos from 2020" / "IMG_1.jpg.supplemental-meta.json"
    sidecar.write_text(json.dumps(record))
    (media_id,) = take_in(services, top).new
    assert stored(services, media_id).caption == "First"
    assert refreshed(services, top)[0].changed == 0
    sidecar.write_text(json.dumps(record | {"description": "Second"}))
    assert refreshed(services, top)[0].fields == {"caption": 1}
    assert stored(services, media_id).caption == "Second"
    assert refreshed(services, top)[0].changed == 0


@pytest.mark.parametrize("kind", ["Takeout", "XMP"])
def test_refresh__names_of_people_beside_a_picture_join_its_keywords(
    services: Services, tmp_path: Path, make_jpeg: Callable[..., bytes], kind: str
) -> None:
    inside = "<dc:subject><rdf:Bag><rdf:li>beach</rdf:li></rdf:Bag></dc:subject>"
    picture = tmp_path / "a.jpg"
    picture.write_bytes(Pictures.with_xmp(make_jpeg(1), inside))

    def name(*people: str) -> None:
        if kind == "Takeout":
            record = {"title": "a.jpg", "photoTakenTime": {"timestamp": "1588291200"}}
            said = json.dumps(record | {"people": [{"name": one} for one in people]}).encode()
            (tmp_path / "a.jpg.json").write_bytes(said)
        else:
            names = "".join(f"<rdf:li>{one}</rdf:li>" for one in people)
            person = 'xmlns:p="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
            said = Pictures.xmp(f"<p:PersonInImage {person}><rdf:Bag>{names}</rdf:Bag></p:PersonInImage>")
            (tmp_path / "a.xmp").write_bytes(said)

    name("Ann")
    media_id = id_of(take_in(services, tmp_path), "a.jpg")
    assert stored(services, media_id).keywords == ["beach", "Ann"]
    assert refreshed(services, tmp_path)[1] == {}

    name("Ann", "Bob")
    assert refreshed(services, tmp_path)[1] == {"a.jpg": {"keywords": (["beach", "Ann"], ["beach", "Ann", "Bob"])}}
    assert refreshed(services, tmp_path)[1] == {}


def test_refresh__a_sidecar_that_a_second_import_has_found(services: Services, folder: Path) -> None:
    media_id = id_of(take_in(services, folder), "bare.jpg")
    (folder / "bare.jpg.xmp").write_bytes(xmp("Found later"))
    take_in(services, folder)
    assert stored(services, media_id).caption == "Found later"
    (folder / "bare.jpg.xmp").write_bytes(xmp("And changed"))
    assert refreshed(services, folder)[1] == {"bare.jpg": {"caption": ("Found later", "And changed")}}
    (folder / "bare.jpg.xmp").unlink()
    assert refreshed(services, folder)[0].changed == 0


def test_refresh__while_it_waits_to_be_embedded(services: Services, folder: Path) -> None:
    media_id = id_of(take_in(services, folder), "xmp.jpg")
    (folder / "xmp.jpg.xmp").write_bytes(xmp("A harbour in the rain", ["boats"], title="Harbour"))
    refreshed(services, folder)
    group(services)
    (expected,) = services.encoders.text.embed_texts(["Harbour. A harbour in the rain. boats."])
    np.testing.assert_allclose(stored_vectors(services, media_id).text_embedding, expected, atol=1e-6)


def test_refresh_originals__takes_up_what_is_read_better_now(services: Services, folder: Path) -> None:
    report = take_in(services, folder)
    inside, with_xmp = id_of(report, "inside.jpg"), id_of(report, "xmp.jpg")
    with services.database.transaction() as session:
        group_before = session.get(Membership, inside)
        # As an earlier version read it: somebody else's caption, which came from the picture.
        session.execute(sa.text("UPDATE media SET caption = 'Misread' WHERE id = :id"), {"id": inside})
        digest = digest_fields(MediaText(caption="Misread"), {})["caption"]
        session.execute(
            sa.text(
                "UPDATE media_reading SET said = jsonb_set(said, '{caption}', to_jsonb(CAST(:digest AS text))) "
                "WHERE media_id = :id"
            ),
            {"digest": digest, "id": inside},
        )
    told: list[PictureChanges] = []
    done = refresh_originals(services, on_change=told.append)
    assert group_before is None
    assert (done.looked_at, done.changed, done.unchanged) == (4, 1, 3)
    assert [(one.media_id, one.path, one.changes[0].new) for one in told] == [(inside, "", "A mill")]
    assert stored(services, with_xmp).caption == "A harbour"
    assert refresh_originals(services).changed == 0
    assert refreshed(services, folder)[0].changed == 0


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bytes]:
    """The command line over the test's library; what it prints."""
    use_library(settings, monkeypatch)
    monkeypatch.setenv("MEDIACLUSTER_PRESET", "demo")

    def call(*arguments: str, code: int = 0) -> bytes:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.stdout_bytes

    return call


def test_refresh__on_the_command_line(services: Services, folder: Path, run: Callable[..., bytes]) -> None:
    media_id = id_of(take_in(services, folder), "xmp.jpg")
    rewrite_text(services, media_id, TextChanges(title="Mine"), actor="curator")
    (folder / "xmp.jpg.xmp").write_bytes(xmp("Der Hafen im Regen, Überfahrt", ["boats"], title="Other"))

    preview = json.loads(run("refresh", str(folder), "--dry-run", "--json").decode("utf-8"))
    lines = run("refresh", str(folder)).decode("utf-8").splitlines()

    path = str(folder / "xmp.jpg")
    assert preview["pictures"] == [
        {
            "media_id": str(media_id),
            "path": path,
            "changes": [{"field": "caption", "old": "A harbour", "new": "Der Hafen im Regen, Überfahrt"}],
            "kept": ["title"],
        }
    ]
    counts = {"dry_run": True, "looked_at": 4, "unchanged": 3, "changed": 1, "embedded_again": 1}
    assert preview | counts == preview
    assert (preview["fields"], preview["kept"]) == ({"caption": 1}, {"title": 1})
    assert lines[0] == f'{path}: caption: "A harbour" -> "Der Hafen im Regen, Überfahrt"'
    assert lines[1] == f"{path}: title: kept, set by hand"
    assert lines[2] == "looked at 4 pictures: 3 unchanged, 1 changed"
    assert json.loads(run("refresh", "--what", "words", "--json"))["changed"] == 0
    assert b"not both" in CliRunner().invoke(app, ["refresh"]).stderr_bytes
    run("refresh", str(folder), "--what", "pixels", code=2)


def test_refresh__of_a_name_that_is_not_utf_8(
    services: Services, tmp_path: Path, make_jpeg: Callable[..., bytes], run: Callable[..., bytes]
) -> None:
    picture = tmp_path / "caf\udce9.jpg"
    picture.write_bytes(make_jpeg(1))
    sidecar = tmp_path / "caf\udce9.jpg.xmp"
    sidecar.write_bytes(xmp("Coffee"))
    (media_id,) = take_in(services, tmp_path).new
    sidecar.write_bytes(xmp("Tea"))
    said = json.loads(run("refresh", str(tmp_path), "--json").decode("utf-8"))
    assert (said["changed"], stored(services, media_id).caption) == (1, "Tea")
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20)).save(buffer, "PNG")
    (tmp_path / "new\udce9.png").write_bytes(buffer.getvalue())
    assert json.loads(run("refresh", str(tmp_path), "--json"))["not_in_library"] == 1
