"""Words and groups written as XMP sidecars: in the right places, of the right pictures, and read back as they were."""

import json
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image

from backend.features.intake import ImportReport, import_items, list_items
from backend.features.services import Services
from backend.features.steps import open_active_space
from backend.features.transfer import SidecarNames, SidecarsReport, export_sidecars
from backend.files.folders import read_sidecar
from tests.support.command_line import library_environment, run_command
from tests.support.limits import make_limits

DARKTABLE = (
    b'<?xml version="1.0" encoding="UTF-8"?><x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:darktable="http://darktable.sf.net/" darktable:xmp_version="5" darktable:history_end="9"/></rdf:RDF></x:xmpmeta>'
)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Four pictures with sidecars of their own in two folders."""
    top = tmp_path / "Pictures"
    for place, (name, words) in enumerate(
        {
            "2023/A.jpg": '{"title": "Pier & sea", "caption": "One.\\n\\nTwo", "keywords": ["sea", "AC/DC"]}',
            "2023/A.png": '{"location": "Brest, France", "taken_at": "2004-05"}',
            "2024/A.jpg": '{"taken_at": "2024-05-01T12:30:15+02:00", "keywords": ["pier"]}',
            "2024/plain.jpg": "",
        }.items()
    ):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), (60 * place, 20, 200 - 30 * place)).save(path)
        if words:
            path.with_name(f"{path.name}.json").write_text(words)
    return top


def taken_in(services: Services, *sources: Path) -> None:
    """Import, as if the workers had been through, and give pictures with the keyword pier a group."""
    items, left_out = list_items(services, [str(source) for source in sources])
    report = ImportReport(left_out=left_out)
    list(import_items(services, items, report))
    assert report.failed == []
    space = open_active_space(services)
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE media SET status = 'ready', embedded_at = now(), ready_at = now()"))
        session.execute(
            sa.text(
                "WITH made AS (INSERT INTO cluster (label) VALUES ('Lighthouses') RETURNING id) "
                "INSERT INTO membership (media_id, cluster_id, space_id, similarity, threshold, founder) "
                "SELECT media.id, made.id, :space, 1, 0.8, true FROM media, made WHERE 'pier' = ANY(keywords) "
                "ON CONFLICT DO NOTHING"
            ),
            {"space": space.id},
        )


def exported(services: Services, folder: Path | None, **options: object) -> SidecarsReport:
    return export_sidecars(services.database, folder, zone=UTC, **options)  # type: ignore[arg-type]


def counts(report: SidecarsReport) -> dict[str, int]:
    names = ("written", "updated", "unchanged", "empty", "foreign", "renamed", "unknown_place", "failed")
    return {name: count for name in names if (count := getattr(report, name))}


def files(folder: Path, suffix: str = ".xmp") -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(f"*{suffix}"))


def change(services: Services, statement: str) -> None:
    with services.database.transaction() as session:
        session.execute(sa.text(statement))


def test_export__mirrors_the_folders_and_is_read_back(services: Services, pictures: Path, tmp_path: Path) -> None:
    taken_in(services, pictures)
    out = tmp_path / "out"
    report = exported(services, out)
    assert counts(report) == {"written": 3, "empty": 1}
    assert (report.media, report.starts_at) == (4, str(pictures))
    assert files(out) == ["2023/A.jpg.xmp", "2023/A.png.xmp", "2024/A.jpg.xmp"]
    shown = (out / "2024/A.jpg.xmp").read_text()
    assert "<rdf:li>mediacluster|Lighthouses</rdf:li>" in shown
    assert "<rdf:li>mediacluster/Lighthouses</rdf:li>" in shown

    # As a user would: copied beside the pictures, without the sidecars that said so before.
    for said in ("2023/A.jpg", "2023/A.png", "2024/A.jpg"):
        before = read_sidecar(pictures / said, make_limits())
        (pictures / f"{said}.json").unlink()
        shutil.copy(out / f"{said}.xmp", pictures / f"{said}.xmp")
        after = read_sidecar(pictures / said, make_limits())
        assert after.text.without_date() == before.text.without_date()
        if before.text.taken_at is not None:
            assert before.text.taken_at == after.dates[0].moment.replace(tzinfo=after.dates[0].moment.tzinfo or UTC)
            assert before.text.taken_at_precision == after.dates[0].precision.label
        assert after.warnings == ()

    assert counts(exported(services, out)) == {"unchanged": 3, "empty": 1}
    change(services, "UPDATE media SET title = 'Renamed', caption = '' WHERE title <> ''")
    assert counts(exported(services, out)) == {"updated": 1, "unchanged": 2, "empty": 1}
    assert b"Renamed" in (out / "2023/A.jpg.xmp").read_bytes()


def test_export__selects_as_other_exports_do(services: Services, pictures: Path, tmp_path: Path) -> None:
    taken_in(services, pictures)
    assert counts(exported(services, tmp_path / "one", keywords=["SEA"])) == {"written": 1}
    assert files(tmp_path / "one") == ["2023/A.jpg.xmp"]
    with services.database.transaction() as session:
        cluster = session.scalar(sa.text("SELECT id FROM cluster WHERE label = 'Lighthouses'"))
    assert counts(exported(services, tmp_path / "two", clusters=[cluster])) == {"written": 1}
    assert files(tmp_path / "two") == ["2024/A.jpg.xmp"]
    assert counts(exported(services, tmp_path / "none", dry_run=True)) == {"written": 3, "empty": 1}
    assert not (tmp_path / "none").exists()


def test_export_beside__leaves_what_others_wrote(services: Services, pictures: Path) -> None:
    taken_in(services, pictures)
    foreign = pictures / "2023/A.jpg.xmp"
    foreign.write_bytes(DARKTABLE)
    report = exported(services, None)
    assert counts(report) == {"written": 2, "foreign": 1, "empty": 1}
    assert foreign.read_bytes() == DARKTABLE
    assert [(one.path, one.code) for one in report.warnings] == [(str(foreign), "conflict")]
    assert files(pictures) == ["2023/A.jpg.xmp", "2023/A.png.xmp", "2024/A.jpg.xmp"]
    assert counts(exported(services, None)) == {"unchanged": 2, "foreign": 1, "empty": 1}


def test_export_beside__only_of_pictures_that_are_there(services: Services, pictures: Path) -> None:
    taken_in(services, pictures)
    (pictures / "2023/A.jpg").unlink()
    with (pictures / "2023/A.png").open("ab") as file:
        file.write(b"more")
    change(services, "UPDATE media SET source = 'upload', source_uri = NULL WHERE 'pier' = ANY(keywords)")
    report = exported(services, None)
    assert counts(report) == {"unknown_place": 3, "empty": 1}
    assert files(pictures) == []


def test_export__two_pictures_with_one_path(services: Services, pictures: Path, tmp_path: Path) -> None:
    taken_in(services, pictures)
    again = pictures / "2023/A.jpg"
    Image.new("RGB", (64, 48), "white").save(again)
    (pictures / "2023/A.jpg.json").write_text('{"title": "White"}')
    taken_in(services, again)
    out = tmp_path / "out"
    report = exported(services, out)
    assert counts(report) == {"written": 4, "renamed": 1, "empty": 1}
    (renamed,) = [name for name in files(out) if name.startswith("2023/A-")]
    assert b"White" in (out / renamed).read_bytes()
    assert b"Pier" in (out / "2023/A.jpg.xmp").read_bytes()
    assert counts(exported(services, out)) == {"unchanged": 4, "renamed": 1, "empty": 1}

    # Beside the originals, the one that is there now counts.
    exported(services, None)
    assert b"White" in (pictures / "2023/A.jpg.xmp").read_bytes()

    # The place of a picture that is no longer in the library is free.
    change(services, "DELETE FROM media WHERE title LIKE 'Pier%'")
    assert counts(exported(services, out))["updated"] == 1
    assert b"White" in (out / "2023/A.jpg.xmp").read_bytes()


def test_command__counts_names_what_was_left_and_fails_where_it_cannot_write(
    services: Services, pictures: Path, tmp_path: Path
) -> None:
    taken_in(services, pictures)
    environment = library_environment(services.settings) | {"MEDIACLUSTER_TIME_ZONE": "Europe/Paris"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_command("export", *arguments, environment=environment, folder=tmp_path)

    for wrong in ((), ("--beside", "--xmp", "out"), ("library.json", "--dry-run"), ("library.json", "--beside")):
        assert run(*wrong).returncode == 2
    assert not (tmp_path / "out").exists()
    done = run("--xmp", "out")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "3 new, 0 updated, 0 unchanged",
            f"out stands for {pictures}",
            "1 without words or a named group",
        ],
    )
    assert "2024-05-01T12:30:15+02:00" in (tmp_path / "out/2024/A.jpg.xmp").read_text()
    (tmp_path / "out/2023/A.jpg.xmp").write_bytes(DARKTABLE)
    (tmp_path / "out/2024/A.jpg.xmp").unlink()
    (tmp_path / "out/2024/A.jpg.xmp").symlink_to(pictures / "2024/A.jpg")
    done = run("--xmp", "out", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["foreign"], told["failed"], told["unchanged"]) == (1, 1, 1)
    assert {Path(one["path"]).name: one["code"] for one in told["warnings"]} == {
        "A.jpg.xmp": "conflict",
        "A.jpg": "path_forbidden",
    }
    with services.database.transaction() as session:
        acts = session.scalars(sa.text("SELECT details FROM audit_log WHERE act = 'library.exported' ORDER BY id"))
        assert [act["sidecars"] for act in acts] == [3, 0]


def test_export__uploads_and_hostile_names(services: Services, pictures: Path, tmp_path: Path) -> None:
    taken_in(services, pictures)
    uris = ("https://example.org/a/b%2F..%2Fc.jpg?key=1", "/a/../../../etc/passwd.jpg", f"/p/{'ü' * 200}.jpg", "")
    with services.database.transaction() as session:
        for media, uri in zip(_ids(services), uris, strict=True):
            session.execute(
                sa.text(
                    "UPDATE media SET title = 'T', source = 'url', source_uri = :uri, folders = :folders WHERE id = :id"
                ),
                {"uri": uri or None, "folders": ["../..", "x"] if uri.startswith("https") else [], "id": media},
            )
    out = tmp_path / "deep" / "out"
    assert counts(exported(services, out)) == {"written": 4}
    written = list(tmp_path.rglob("*.xmp"))
    assert all(path.is_relative_to(out) and len(path.name.encode()) <= 255 for path in written)
    assert len(written) == 4


def test_export__is_called_after_the_file_or_the_name_that_the_library_keeps(
    services: Services, pictures: Path, tmp_path: Path
) -> None:
    """A name is decided once, at intake. That of a file on a disk is the one there, whatever it was cleaned to."""
    odd = pictures / "2023/photo\u202egpj.jpg"
    (pictures / "2023/A.jpg").rename(odd)
    taken_in(services, pictures)
    assert [name for name in _names(services) if name.startswith("photo")] == ["photogpj.jpg"]
    addresses = {
        "A.png": ("https://example.org/photo.php?id=5", "IMG_1.jpg"),  # the answer named it
        "plain.jpg": ("https://example.org/a/K%C3%BCste%20%231.jpg#top", "Küste #1.jpg"),
    }
    for name, (address, kept) in addresses.items():
        with services.database.transaction() as session:
            session.execute(
                sa.text(
                    "UPDATE media SET source = 'url', source_uri = :uri, file_name = :kept, folders = '{}' "
                    "WHERE file_name = :name"
                ),
                {"uri": address, "kept": kept, "name": name},
            )
    change(services, "UPDATE media SET title = 'T'")
    assert counts(exported(services, tmp_path / "out")) == {"written": 4}
    assert files(tmp_path / "out") == sorted(
        ["2023/photo\u202egpj.jpg.xmp", "2024/A.jpg.xmp", "IMG_1.jpg.xmp", "Küste #1.jpg.xmp"]
    )
    assert counts(exported(services, None)) == {"written": 2, "unknown_place": 2}
    assert odd.with_name(f"{odd.name}.xmp").exists()


def _names(services: Services) -> Sequence[str]:
    with services.database.transaction() as session:
        return list(session.scalars(sa.text("SELECT file_name FROM media ORDER BY upload_seq")))


def _ids(services: Services) -> Sequence[uuid.UUID]:
    with services.database.transaction() as session:
        return list(session.scalars(sa.text("SELECT id FROM media ORDER BY upload_seq")))


def test_export__raw_pictures_by_their_stem(services: Services, pictures: Path, tmp_path: Path) -> None:
    taken_in(services, pictures)
    change(services, "UPDATE media SET source_uri = replace(source_uri, '2024/A.jpg', '2024/A.NEF')")
    change(services, "UPDATE media SET source_uri = replace(source_uri, '2023/A.png', '2023/A.dng')")
    exported(services, tmp_path / "out", names=SidecarNames.STEM)
    assert files(tmp_path / "out") == ["2023/A.dng.xmp", "2023/A.jpg.xmp", "2024/A.xmp"]
