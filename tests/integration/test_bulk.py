"""Embeddings in from files and out again: every format, every kind of bad row, pictures that are there and that are not."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from starlette.testclient import TestClient

from backend.bootstrap import build_services
from backend.cli.status import read_status
from backend.errors import BackendUnavailable, FileUnreadable, InvalidRecord, InvalidVector, SpaceMismatch
from backend.features.editing import delete_media
from backend.features.intake import accept_picture
from backend.features.integrity import audit, repair
from backend.features.operations import retry_all
from backend.features.operations.diagnosis import check_vector_indexes
from backend.features.services import Services
from backend.features.steps import open_active_space
from backend.features.transfer import export, import_embeddings
from backend.features.transfer import imports as importing
from backend.files.storage import thumbnail_keys
from backend.files.text import MediaText
from backend.store.engine import Database
from backend.store.schema import Media, Space
from backend.store.search import search_media
from backend.store.spaces import copy_embedded, drop_vector_indexes_of_empty, list_missing_vector_indexes
from backend.store.spaces.bulk import index_memory_bytes
from backend.web.server import create_web_app

SUFFIXES = [".npz", ".parquet", ".json", ".jsonl"]
_COUNT = 60


@pytest.fixture
def space(services: Services) -> Space:
    return open_active_space(services)


@pytest.fixture
def make_records(space: Space, make_mixture: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """Records as a photo-embeddings file has them; each fifth has no words, one of two no length of one."""

    def make(count: int = _COUNT) -> list[dict[str, Any]]:
        images = make_mixture(1, count, dimension=space.image_dimension, centres=5)
        texts = make_mixture(2, count, dimension=space.text_dimension, centres=5)
        return [
            {
                "path": f"photos/{row:03d}.jpg",
                "title": f"Picture {row}",
                "imageEmbedding": (images[row] * (1 + row % 2)).tolist(),
                "textEmbedding": None if row % 5 == 0 else texts[row].tolist(),
            }
            for row in range(count)
        ]

    return make


def _write(path: Path, records: list[dict[str, Any]]) -> Path:
    if path.suffix == ".json":
        path.write_text(json.dumps(records))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    else:
        texts = [record["textEmbedding"] for record in records]
        width = len(next(text for text in texts if text is not None))
        np.savez(
            path,
            path=np.array([record["path"] for record in records]),
            title=np.array([record["title"] for record in records]),
            image_embedding=np.array([record["imageEmbedding"] for record in records]),
            text_embedding=np.array([text or [0.0] * width for text in texts]),
            has_text_embedding=np.array([text is not None for text in texts]),
        )
    return path


def _count(database: Database, where: str = "true") -> int:
    with database.transaction() as session:
        return int(session.execute(sa.text(f"SELECT count(*) FROM media WHERE {where}")).scalar_one())


def test_import_embeddings__coordinates_are_no_location_and_warnings_are_told(
    services: Services, make_records: Callable[..., Any], make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    records = make_records(2)
    for record in records:
        record["location"] = "47.37, 8.54"
    picture = tmp_path / records[1]["path"]
    picture.parent.mkdir(exist_ok=True)
    picture.write_bytes(make_jpeg(1).removesuffix(b"\xff\xd9"))
    report = import_embeddings(services, _write(tmp_path / "vectors.jsonl", records))
    assert (report.new, report.with_original, report.warned) == (2, 1, 1)
    assert [(one.row, one.name, one.code) for one in report.warnings] == [(2, str(picture), "end_missing")]
    with services.database.transaction() as session:
        rows = session.execute(sa.text("SELECT location, exif, warnings FROM media ORDER BY upload_seq")).all()
    assert [row.location for row in rows] == ["", ""]
    assert [row.exif["longitude_degrees"] for row in rows] == [8.54, 8.54]
    assert [[one["code"] for one in row.warnings] for row in rows] == [[], ["end_missing"]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_import_embeddings__groups_every_row(
    services: Services, make_records: Callable[..., Any], tmp_path: Path, suffix: str
) -> None:
    file = _write(tmp_path / f"vectors{suffix}", make_records())
    report = import_embeddings(services, file)
    assert (report.rows, report.new, report.failed, report.assigned) == (_COUNT, _COUNT, 0, _COUNT)
    assert report.indexes_built
    found = audit(services.database, replay=True)
    assert found.is_clean, found.breaches
    assert found.replayed == _COUNT
    with services.database.transaction() as session:
        rows = session.execute(
            sa.text(
                "SELECT source_uri, title, text_embedding IS NULL, vector_norm(image_embedding) FROM media "
                "JOIN media_embedding ON media_id = id ORDER BY upload_seq"
            )
        ).all()
    assert [(row[0], row[1], row[2]) for row in rows] == [
        (str(tmp_path / f"photos/{row:03d}.jpg"), f"Picture {row}", row % 5 == 0) for row in range(_COUNT)
    ]
    assert max(abs(row[3] - 1) for row in rows) < 1e-6


def test_import_embeddings__again_passes_by_what_is_here(
    services: Services, make_records: Callable[..., Any], tmp_path: Path
) -> None:
    file = _write(tmp_path / "vectors.jsonl", make_records(20))
    import_embeddings(services, file)
    _write(file, make_records(30))
    report = import_embeddings(services, file)
    assert (report.new, report.duplicates) == (10, 20)
    assert not report.indexes_built  # a library in use keeps its indexes
    assert _count(services.database) == 30
    assert audit(services.database, replay=True).is_clean


def test_import_embeddings__broken_off_is_finished_by_doing_it_again(
    services: Services, make_records: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: Space
) -> None:
    monkeypatch.setattr("backend.files.vector_tables.files._ROWS", 8)
    file = _write(tmp_path / "vectors.parquet", make_records(24))
    calls: list[int] = []

    def break_off(*arguments: Any) -> None:
        copy_embedded(*arguments)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(importing, "copy_embedded", break_off)
    with pytest.raises(KeyboardInterrupt):
        import_embeddings(services, file)
    assert _count(services.database) == 8  # whole blocks only
    with services.database.transaction() as session:
        assert not list_missing_vector_indexes(session, space.id)
    monkeypatch.setattr(importing, "copy_embedded", copy_embedded)
    assert import_embeddings(services, file).new == 16
    assert audit(services.database, replay=True).is_clean


def test_import_embeddings__killed_leaves_no_indexes_and_that_is_told_and_mended(
    services: Services, make_records: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: Space
) -> None:
    file = _write(tmp_path / "vectors.parquet", make_records(24))

    def make_none(*_arguments: Any) -> None:
        raise BackendUnavailable("The process is killed here.")

    with monkeypatch.context() as patch:
        patch.setattr(importing, "build_vector_indexes", make_none)
        with pytest.raises(BackendUnavailable):
            import_embeddings(services, file)
    found = check_vector_indexes(services)
    assert not found.ok
    assert space.name in found.detail
    assert "mediacluster repair" in (found.hint or "")
    assert read_status(services).spaces_without_indexes == [space.name]
    assert repair(services, dry_run=True).spaces_without_indexes == 1
    assert not check_vector_indexes(services).ok

    assert repair(services).spaces_without_indexes == 1

    assert check_vector_indexes(services).ok
    with services.database.transaction() as session:
        session.execute(sa.text(f"DROP INDEX embedding_{space.id}_fused_hnsw"))
    assert not check_vector_indexes(services).ok
    assert import_embeddings(services, file).indexes_built
    assert check_vector_indexes(services).ok
    assert repair(services).spaces_without_indexes == 0


def test_import_embeddings__pictures_at_hand_are_stored(
    services: Services, make_records: Callable[..., Any], make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    for row in range(3):
        (tmp_path / f"photos/{row:03d}.jpg").write_bytes(make_jpeg(row))
    (tmp_path / "photos/003.jpg").write_bytes(b"no picture")
    (tmp_path / "photos/004.jpg").write_bytes(make_jpeg(0))  # the bytes of the first one
    report = import_embeddings(services, _write(tmp_path / "vectors.json", make_records(6)))
    assert (report.new, report.with_original, report.duplicates, report.failed) == (4, 3, 1, 1)
    assert (report.failures[0].row, report.failures[0].code) == (4, "unsupported_format")
    with services.database.transaction() as session:
        stored = session.scalars(sa.select(Media).where(Media.original_key.is_not(None))).all()
    assert len(stored) == 3
    assert all(services.storage.exists(one.original_key or "") and one.perceptual_hash is not None for one in stored)
    assert audit(services.database, replay=True).is_clean


def test_import_embeddings__whose_bytes_are_deleted_at_the_same_time(
    services: Services,
    make_records: Callable[..., Any],
    make_jpeg: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stored because they were there already, and removed with the media that they were of, before the row came."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/000.jpg").write_bytes(make_jpeg(0))
    before = accept_picture(services, make_jpeg(0), MediaText(), source="test").media_id
    prepare = importing._prepare

    def prepare_and_delete(*arguments: Any) -> Any:
        prepared = prepare(*arguments)
        delete_media(services, [before], actor="eve")
        return prepared

    monkeypatch.setattr(importing, "_prepare", prepare_and_delete)
    report = import_embeddings(services, _write(tmp_path / "vectors.json", make_records(1)))

    assert (report.new, report.with_original) == (1, 1)
    with services.database.transaction() as session:
        media = session.scalars(sa.select(Media)).one()
    keys = [media.original_key or "", *thumbnail_keys(media.sha256 or b"")]
    assert all(services.storage.exists(key) for key in keys)


_BAD = {
    "dimension": "invalid_vector", "nan": "invalid_vector", "zero": "invalid_vector", "words": "invalid_vector",
    "no vector": "invalid_vector", "no name": "invalid_record", "same path": "invalid_record", "id": "invalid_record",
    "text": "invalid_text",
}  # fmt: skip


def test_retry__what_came_as_vectors_of_another_space_is_refused(
    services: Services, make_records: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    """There is nothing to embed or fetch: the picture stays failed, and a retry explains what to do."""
    import_embeddings(services, _write(tmp_path / "e.json", make_records(3)))
    with services.database.transaction() as session:
        lost, known = session.execute(sa.text("SELECT id FROM media ORDER BY upload_seq LIMIT 2")).scalars()
        session.execute(
            sa.text("DELETE FROM membership; UPDATE media SET status = 'failed', error_code = 'not_in_space'")
        )
        session.execute(sa.text("DELETE FROM embedding WHERE media_id = :id"), {"id": lost})
    with TestClient(create_web_app(services), base_url="http://127.0.0.1") as client:
        refused = client.post(f"/media/{lost}/retry")
        assert (refused.status_code, refused.json()["code"]) == (409, "not_in_space")
        assert "rollback" in refused.json()["hint"]
        assert client.post(f"/media/{known}/retry").status_code == 202
    assert retry_all(services, actor="ada") == 1
    with services.database.transaction() as session:
        rows = session.execute(sa.text("SELECT id, status FROM media ORDER BY upload_seq")).all()
    assert [row.status for row in rows] == ["failed", "embedded", "embedded"]


def _spoil(records: list[dict[str, Any]], row: int, what: str) -> None:
    record = records[row]
    changes: dict[str, dict[str, Any]] = {
        "dimension": {"imageEmbedding": record["imageEmbedding"][:-1]},
        "nan": {"imageEmbedding": [float("nan"), *record["imageEmbedding"][1:]]},
        "zero": {"textEmbedding": [0.0] * len(records[1]["textEmbedding"])},
        "words": {"imageEmbedding": ["a"] * len(record["imageEmbedding"])},
        "no vector": {"imageEmbedding": None},
        "no name": {"path": None},
        "same path": {"path": records[0]["path"]},
        "id": {"id": "seven"},
        "text": {"title": "\0"},
    }
    record |= changes[what]


def test_import_embeddings__names_bad_rows_and_takes_nothing_in(
    services: Services, make_records: Callable[..., Any], tmp_path: Path
) -> None:
    records = make_records(12)
    for row, what in enumerate(_BAD, start=2):
        _spoil(records, row, what)
    file = _write(tmp_path / "vectors.jsonl", records)
    report = import_embeddings(services, file)
    expected = [(row, code) for row, code in enumerate(_BAD.values(), start=3)]
    assert [(failure.row, failure.code) for failure in report.failures] == expected
    assert (report.new, _count(services.database)) == (0, 0)
    assert import_embeddings(services, file, skip_invalid=True).new == 12 - len(_BAD)


def test_import_embeddings__refuses_files_of_no_use(
    services: Services, make_records: Callable[..., Any], tmp_path: Path
) -> None:
    other = np.ones((3, 7), dtype=np.float32)
    np.savez(tmp_path / "other.npz", path=np.array(["a", "b", "c"]), image_embedding=other)
    with pytest.raises(InvalidVector, match="7"):
        import_embeddings(services, tmp_path / "other.npz")
    np.savez(tmp_path / "names.npz", pictures=np.array(["a"]), vectors=other[:1])
    with pytest.raises(InvalidRecord, match="image_embedding"):
        import_embeddings(services, tmp_path / "names.npz")
    np.savez(tmp_path / "lengths.npz", path=np.array(["a"]), image_embedding=other)
    with pytest.raises(FileUnreadable, match="lengths"):
        import_embeddings(services, tmp_path / "lengths.npz")
    (tmp_path / "broken.json").write_text("[{")
    with pytest.raises(FileUnreadable, match="JSON"):
        import_embeddings(services, tmp_path / "broken.json")
    assert _count(services.database) == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_export__comes_back_as_it_was(
    services: Services,
    make_records: Callable[..., Any],
    make_database_url: Callable[[str | None], str],
    template: str,
    tmp_path: Path,
    space: Space,
    suffix: str,
) -> None:
    import_embeddings(services, _write(tmp_path / "vectors.parquet", make_records()))
    with services.database.transaction() as session:
        session.execute(
            sa.text(
                "UPDATE media SET taken_at = '2004-05-01T00:00Z', taken_at_precision = 'month', "
                "taken_at_source = 'xmp:photoshop:DateCreated' WHERE title LIKE '%7'"
            )
        )
    file = tmp_path / f"library{suffix}"
    assert export(services.database, file).media == _COUNT
    settings = services.settings.model_copy(update={"database_url": SecretStr(make_database_url(template))})
    other = build_services(settings)
    try:
        assert import_embeddings(other, file).new == _COUNT
        assert _contents(other.database) == _contents(services.database)
        query = np.random.default_rng(3).normal(size=space.image_dimension + space.text_dimension).astype(np.float32)
        parts = query[: space.image_dimension], query[space.image_dimension :]
        for alpha in (0.0, 0.6, 1.0):
            answers = []
            for one in (services, other):
                with one.database.transaction() as session:
                    answers.append(search_media(session, *parts, 10, alpha))
            assert answers[0] == answers[1]
            assert answers[0]
    finally:
        other.database.dispose()


def _contents(database: Database) -> list[Any]:
    """Everything that an export carries, and the groups by who is in them."""
    with database.transaction() as session:
        rows = session.execute(
            sa.text(
                "SELECT id, source_uri, title, taken_at, taken_at_precision, taken_at_source, image_embedding::text, text_embedding::text, similarity, "
                "min(upload_seq) OVER (PARTITION BY cluster_id) - min(upload_seq) OVER () AS first_of_cluster "
                "FROM media JOIN media_embedding ON media_id = id JOIN membership USING (media_id) ORDER BY upload_seq"
            )
        )
        return [tuple(row) for row in rows]


def test_export__narrowed_and_half_as_exact(
    services: Services, make_records: Callable[..., Any], tmp_path: Path
) -> None:
    import_embeddings(services, _write(tmp_path / "vectors.jsonl", make_records()))
    with services.database.transaction() as session:
        cluster, size = session.execute(
            sa.text("SELECT cluster_id, count(*) FROM membership GROUP BY 1 ORDER BY 2 DESC LIMIT 1")
        ).one()
    file = tmp_path / "some.json"
    assert export(services.database, file, precision="float16", clusters=[cluster]).media == size
    records = json.loads(file.read_text())
    assert {record["cluster_id"] for record in records} == {cluster}
    assert len(str(records[0]["image_embedding"][0])) < 10
    assert {record["file_name"] for record in records} == {Path(record["path"]).name for record in records}
    assert export(services.database, tmp_path / "none.json", clusters=[10**9]).media == 0
    assert json.loads((tmp_path / "none.json").read_text()) == []
    assert not list(tmp_path.glob(".*.part"))


def test_import_embeddings__of_other_encoders(
    services: Services, make_records: Callable[..., Any], tmp_path: Path
) -> None:
    import_embeddings(services, _write(tmp_path / "vectors.jsonl", make_records(10)))
    file = tmp_path / "library.npz"
    export(services.database, file)
    with services.database.transaction() as session:
        session.execute(sa.text("DELETE FROM membership"))
    with np.load(file) as archive:
        arrays = dict(archive)
    told = json.loads(str(arrays["mediacluster_space"])) | {"image_fingerprint": "another"}
    np.savez(file, **arrays | {"mediacluster_space": np.array(json.dumps(told))})
    with pytest.raises(SpaceMismatch, match="image"):
        import_embeddings(services, file)


def test_indexes__are_not_taken_from_a_library_in_use(
    services: Services, space: Space, insert_media: Callable[..., list[uuid.UUID]], embed_media: Callable[..., None]
) -> None:
    with services.database.transaction() as session:
        assert drop_vector_indexes_of_empty(session, space.id)
        assert list_missing_vector_indexes(session, space.id)
        session.rollback()
    vectors = np.eye(1, space.image_dimension, dtype=np.float32)
    embed_media(services.database, space, insert_media(services.database, 1, "pending"), vectors)
    with services.database.transaction() as session:
        assert not drop_vector_indexes_of_empty(session, space.id)
        assert not list_missing_vector_indexes(session, space.id)


def test_index_memory__fits_the_index_and_the_machine() -> None:
    assert index_memory_bytes(0, 896, 1 << 40) == 64 << 20
    assert index_memory_bytes(1_000_000, 896, 1 << 40) == 1_000_000 * (4 * 896 + 500)
    assert index_memory_bytes(10**9, 896, 16 << 30) == 4 << 30
