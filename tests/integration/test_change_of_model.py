"""The model of a library is changed, and changed back, while pictures are uploaded and searched for over HTTP."""

import io
import threading
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from backend.bootstrap import build_services
from backend.demo.gallery import write_gallery
from backend.encoders import EncoderNames
from backend.errors import BackendUnavailable, Conflict, EncoderUnavailable, SpaceIncomplete
from backend.features.editing import Extract, Lock, Rename, history, perform
from backend.features.intake import accept_picture
from backend.features.integrity import audit
from backend.features.model_change import EncoderWatch, activate, compare, drop, fill, make_space, rollback
from backend.features.model_change import activation as activating
from backend.features.model_change.alignment import align
from backend.features.model_change.exclusion import set_aside
from backend.features.operations import retry_code
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, fill_batch, open_active_space, sweep
from backend.files.text import MediaText
from backend.settings import Settings
from backend.store.arrays import fetch_arrays
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.spaces import NewSpace, count_holders, create_space, forget_holder, get_active_space, record_holder
from backend.web.server import create_web_app
from scripts.demo_site import serving
from tests.support.waiting import wait_for

STOCK, COMING = 24, 8


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("gallery")
    write_gallery(folder, STOCK + COMING)
    # Kinds come in turns, so that later ones belong to groups that there are.
    return sorted(folder.glob("*.jpg"), key=lambda path: path.name[::-1])


@dataclass
class Library:
    """A library of rendered pictures with the demo encoders, and a narrower model to change to."""

    services: Services
    names: EncoderNames
    stock: list[uuid.UUID] = field(default_factory=list)

    def work(self) -> int:
        """One round of what workers do."""
        space = open_active_space(self.services)
        done = embed_batch(self.services, space)
        done += Assigner(self.services, space).assign_waiting()
        return done + fill_batch(self.services)

    def settle(self) -> None:
        while self.work():
            pass

    def read(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with self.services.database.transaction() as session:
            return [tuple(row) for row in session.execute(sa.text(statement), parameters)]

    def count_decided(self, space_id: int) -> int:
        """Decisions that were made in a space that is the active one now."""
        statement = "SELECT count(*) FROM membership WHERE space_id = :space AND decided_space_id IS NULL"
        return int(self.read(statement, space=space_id)[0][0])

    def answers(self) -> dict[str, Any]:
        """All that the library says of its stock: memberships to the last bit, groups, and recommendations."""
        memberships = self.read(
            "SELECT to_jsonb(membership) FROM membership WHERE media_id = ANY(:ids) ORDER BY media_id", ids=self.stock
        )
        hits = {}
        for media_id in self.stock[:6]:
            rows = self.read(
                "SELECT media_id, sim_image, sim_text, combined FROM similar_media(:id, 100, 0.6)", id=media_id
            )
            hits[media_id] = [row for row in rows if row[0] in self.stock]
        labels = self.read(
            "SELECT id, label, label_origin, locked FROM cluster WHERE id IN (SELECT cluster_id FROM membership WHERE media_id = ANY(:ids)) ORDER BY id",
            ids=self.stock,
        )
        return {"memberships": memberships, "hits": hits, "clusters": labels}

    def centroids(self) -> dict[int, tuple[bytes, int]]:
        with self.services.database.transaction() as session:
            rows = fetch_arrays(
                session,
                "SELECT cluster_id, embedding_sum, member_count FROM centroid WHERE space_id = :space",
                {"space": get_active_space(session).id},
            )
        return {row[0]: (np.asarray(row[1]).tobytes(), row[2]) for row in rows}


@pytest.fixture
def library(services: Services, narrow_image_model: str, pictures: list[Path]) -> Library:
    space = open_active_space(services)
    made = Library(services, EncoderNames(narrow_image_model, None, space.text_model))
    for path in pictures[:STOCK]:
        text = MediaText(title=path.stem, keywords=("stock",))
        made.stock.append(accept_picture(services, path.read_bytes(), text, source="test").media_id)
    made.settle()
    return made


@dataclass
class Traffic:
    """Requests without a pause, and whatever of them failed."""

    url: str
    coming: list[Path]
    uploaded: list[uuid.UUID] = field(default_factory=list)
    queries: int = 0
    failures: list[str] = field(default_factory=list)
    spaces_seen: set[str] = field(default_factory=set)
    _ended: threading.Event = field(default_factory=threading.Event)
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    @contextmanager
    def flowing(self, library: Library, ask: list[uuid.UUID]) -> Iterator[None]:
        jobs: list[Callable[[], object]] = [self._upload, lambda: self._search(ask), lambda: self._similar(ask)]
        threads = [threading.Thread(target=self._run, args=(job,)) for job in (*jobs, library.work)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()
            self._client.close()

    def _run(self, job: Callable[[], object]) -> None:
        while not self._ended.is_set():
            try:
                job()
            except Exception as error:  # noqa: BLE001 - whatever it is, the test has to tell of it
                self.failures.append(repr(error))
            self._ended.wait(0.02)

    def _upload(self) -> None:
        path, side = self.coming[len(self.uploaded) % len(self.coming)], 320 + len(self.uploaded)
        buffer = io.BytesIO()
        # Another size each time: other bytes, and nearly the same picture.
        Image.open(path).resize((side, side)).save(buffer, "JPEG")
        answer = self._ask("POST", "/media", files={"file": buffer.getvalue()}, data={"title": path.stem})
        self.uploaded.append(uuid.UUID(answer["ids"][0]))
        self._ended.wait(0.3)

    def _search(self, ask: list[uuid.UUID]) -> None:
        assert self._ask("GET", "/search", params={"q": "a lighthouse by the sea", "k": 5})["hits"]
        assert self._ask("GET", "/search", params={"media_id": str(ask[self.queries % len(ask)]), "k": 5})["hits"]
        self._ask("GET", "/clusters")

    def _similar(self, ask: list[uuid.UUID]) -> None:
        assert self._ask("GET", f"/media/{ask[self.queries % len(ask)]}/similar")["results"]

    def _ask(self, method: str, path: str, **given: Any) -> Any:
        answer = self._client.request(method, self.url + path, **given)
        self.queries += 1
        if answer.status_code >= 400:
            self.failures.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()


def test_activate_and_roll_back__under_uploads_and_queries(
    library: Library, settings: Settings, pictures: list[Path], request: pytest.FixtureRequest
) -> None:
    services = library.services
    before, sums_before = library.answers(), library.centroids()
    active_id = open_active_space(services).id
    narrow = make_space(services, library.names, name="narrow", actor="ada")
    serving_services = build_services(settings)
    watch = EncoderWatch(serving_services)
    watch.start()
    request.addfinalizer(serving_services.database.dispose)
    request.addfinalizer(watch.stop)

    with serving(create_web_app(serving_services)) as url:
        traffic = Traffic(url, list(pictures[STOCK:]))
        with traffic.flowing(library, library.stock):
            fill(services, "narrow", actor="ada")
            comparison = compare_when_filled(services, library)
            assert comparison.suggested_threshold == pytest.approx(comparison.candidate.threshold)
            assert comparison.candidate.agreement > 0.8
            wait_for(lambda: len(traffic.uploaded) >= 3 or bool(traffic.failures))

            # Its first query has loaded the old encoders, and it has said so.
            wait_for(lambda: is_holding(services, active_id))
            done = activate(services, "narrow", suggested=True, actor="ada")

            assert (done.name, done.previous) == ("narrow", "demo")
            # The process that serves had loaded the new encoders by then.
            assert serving_services.encoders_of(narrow).loaded
            wait_for(lambda: library.count_decided(narrow.id) >= 1 or bool(traffic.failures))
            assert library.read(
                "SELECT atttypmod FROM pg_attribute WHERE attrelid = 'media_embedding'::regclass AND attname = 'image_embedding'"
            ) == [(96,)]

            rollback(services, actor="ada")

            decided = library.count_decided(active_id)
            wait_for(lambda: library.count_decided(active_id) > decided or bool(traffic.failures))
    assert traffic.failures == []
    assert traffic.queries > 30
    library.settle()

    assert library.read("SELECT count(*) FROM media WHERE status <> 'ready'") == [(0,)]
    report = audit(services.database, replay=True)
    assert (report.breaches, report.replay_skipped) == ({}, None)
    assert report.replayed == STOCK + len(traffic.uploaded)
    eras = library.read("SELECT DISTINCT coalesce(decided_space_id, space_id) FROM membership")
    assert len(eras) == 2  # some were decided in each
    assert_same(library.answers(), before)
    sums_after = library.centroids()
    touched = {
        row[0]
        for row in library.read("SELECT cluster_id FROM membership WHERE media_id = ANY(:ids)", ids=traffic.uploaded)
    }
    untouched = {cluster_id: sums for cluster_id, sums in sums_before.items() if cluster_id not in touched}
    assert untouched
    assert all(sums_after[cluster_id] == sums for cluster_id, sums in untouched.items())


def compare_when_filled(services: Services, library: Library) -> Any:
    wait_for(lambda: library.read("SELECT count(*) FROM space_fill_item") == [(0,)])
    return compare(services, "narrow", actor="ada")


def assert_same(after: dict[str, Any], before: dict[str, Any]) -> None:
    for name, value in before.items():
        assert after[name] == value, name


def is_holding(services: Services, space_id: int) -> bool:
    with services.database.transaction() as session:
        return count_holders(session, space_id, space_id).processes > 0


# --- groups, decisions and undo, with vectors that are made up ------------------------------------------------


@dataclass
class Groups:
    """A grouped library in a space of 16 dimensions, and one of 12 that is filled."""

    services: Services
    ids: list[uuid.UUID]
    first: Any
    second: Any

    def read(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with self.services.database.transaction() as session:
            return [tuple(row) for row in session.execute(sa.text(statement), parameters)]

    def memberships(self) -> list[tuple[Any, ...]]:
        return self.read("SELECT to_jsonb(membership) FROM membership ORDER BY media_id")

    def grouping(self) -> list[tuple[Any, ...]]:
        return self.read("SELECT media_id, cluster_id, origin FROM membership ORDER BY media_id")

    def activate(self, name: str = "second", **given: Any) -> Any:
        return activate(self.services, name, actor="ada", wait_seconds=0, **given)


@pytest.fixture
def groups(
    services: Services,
    make_test_space: Callable[..., Any],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., Any],
) -> Groups:
    database = services.database
    first = make_test_space(database)
    vectors = make_mixture(5, 120, spread=0.5)
    ids = insert_media(database, len(vectors), "pending")
    embed_media(database, first, ids, vectors)
    Assigner(services, first).assign_waiting()
    onto = np.linalg.qr(np.random.default_rng(2).normal(size=(16, 12)))[0]
    narrow = (vectors @ onto).astype(np.float32)
    narrow /= np.linalg.norm(narrow, axis=1, keepdims=True)
    with database.transaction() as session:
        second = create_space(session, NewSpace("second", None, "j", "", "t", "j", "t", 12, 8, {}))
        new = [NewEmbedding(media_id, vector, None, None) for media_id, vector in zip(ids, narrow, strict=True)]
        insert_embeddings(session, second.id, new)
    return Groups(services, ids, first, second)


def test_activate__groups_labels_locks_and_undo_go_along(groups: Groups) -> None:
    services = groups.services
    big, other = (
        row[0] for row in groups.read("SELECT cluster_id FROM membership GROUP BY 1 ORDER BY count(*) DESC LIMIT 2")
    )
    perform(services, Rename(big, "Boats"), actor="ada")
    perform(services, Lock(other), actor="ada")
    (moved,) = (row[0] for row in groups.read("SELECT media_id FROM membership WHERE cluster_id = :id LIMIT 1", id=big))
    untouched = groups.grouping()
    move = perform(services, Extract((moved,), "Alone"), actor="ada")
    before, grouping = groups.memberships(), groups.grouping()
    clusters = groups.read("SELECT id, label, label_origin, locked, representative_media_id FROM cluster ORDER BY id")

    compare(services, "second", actor="ada")
    done = groups.activate(suggested=True)

    assert groups.grouping() == grouping
    assert (
        groups.read("SELECT id, label, label_origin, locked, representative_media_id FROM cluster ORDER BY id")
        == clusters
    )
    assert groups.read("SELECT DISTINCT space_id, threshold, decided_space_id FROM membership") == [
        (groups.second.id, done.threshold, groups.first.id)
    ]
    assert audit(services.database, replay=True).is_clean
    with pytest.raises(Conflict, match="cannot be undone like an edit"):
        history.undo(services, done.event_id, actor="ada")
    assert move.event_id is not None

    # An event from before the change is undone in the new space, and redone after going back.
    history.undo(services, move.event_id, actor="ada")
    assert [row[:2] for row in groups.grouping()] == [row[:2] for row in untouched]
    assert audit(services.database, replay=True).is_clean
    history.redo(services, move.event_id, actor="ada")
    history.undo(services, move.event_id, actor="ada")
    rollback(services, actor="ada", wait_seconds=0)
    history.redo(services, move.event_id, actor="ada")
    assert [row[:2] for row in groups.grouping()] == [row[:2] for row in grouping]
    assert audit(services.database, replay=True).is_clean
    changed = {row[0]["cluster_id"] for row in before if row[0]["media_id"] == str(moved)} | {big}
    stayed = [row for row in before if row[0]["cluster_id"] not in changed]
    assert [row for row in groups.memberships() if row[0]["cluster_id"] not in changed] == stayed


def test_activate__there_and_back_and_nothing_has_happened(groups: Groups) -> None:
    before = groups.memberships()
    sums = groups.read(
        "SELECT cluster_id, embedding_sum, member_count FROM centroid WHERE space_id = :id ORDER BY 1",
        id=groups.first.id,
    )
    groups.activate(threshold=0.8)
    assert groups.memberships() != before
    rollback(groups.services, actor="ada", wait_seconds=0)
    assert groups.memberships() == before
    assert (
        groups.read(
            "SELECT cluster_id, embedding_sum, member_count FROM centroid WHERE space_id = :id ORDER BY 1",
            id=groups.first.id,
        )
        == sums
    )
    report = audit(groups.services.database, replay=True)
    assert (report.breaches, report.replayed) == ({}, 120)


def test_audit__replays_each_stretch_where_it_was_decided(
    groups: Groups,
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., Any],
) -> None:
    database = groups.services.database
    groups.activate(threshold=0.8)
    late = insert_media(database, 30, "pending", first=1000)
    embed_media(database, groups.second, late, make_mixture(9, 30, dimension=12, spread=0.5))
    assert Assigner(groups.services, groups.first).assign_waiting() == 30  # it follows the change
    report = audit(database, replay=True)
    assert (report.breaches, report.replayed, report.replay_skipped) == ({}, 150, None)

    # A decision that the rule would not have made in the space that it was made in.
    groups.read("UPDATE membership SET decided_threshold = 0.999 WHERE decided_space_id IS NOT NULL RETURNING 1")
    assert "replay_differs" in audit(database, replay=True).breaches
    drop(groups.services, "t", actor="ada")
    report = audit(database, replay=True)
    assert (report.breaches, report.replayed) == ({}, 30)
    assert "dropped" in (report.replay_skipped or "")


def test_activate__refusals_change_nothing(groups: Groups) -> None:
    services, before = groups.services, groups.memberships()
    with pytest.raises(Conflict, match="has no threshold"):
        groups.activate()
    with pytest.raises(Conflict, match="no suggested threshold"):
        groups.activate(suggested=True)
    with pytest.raises(Conflict, match="no space to go back to"):
        rollback(services, actor="ada")
    with pytest.raises(Conflict, match="already active"):
        groups.activate("t", threshold=0.8)
    groups.read(
        "DELETE FROM embedding WHERE space_id = :id AND media_id = :media RETURNING 1",
        id=groups.second.id,
        media=groups.ids[3],
    )
    with pytest.raises(SpaceIncomplete, match="still lacks 1 picture"):
        groups.activate(threshold=0.8)
    groups.read("UPDATE space_fill_item SET error_code = 'original_missing', error_detail = 'gone' RETURNING 1")
    with pytest.raises(SpaceIncomplete, match=str(groups.ids[3])):
        groups.activate(threshold=0.8)
    assert groups.memberships() == before
    assert audit(services.database, replay=True).is_clean


def test_activate__without_what_has_failed(groups: Groups) -> None:
    services = groups.services
    # One in a group of many, and all of another group: it has nobody left.
    sizes = groups.read("SELECT cluster_id, count(*) FROM membership GROUP BY 1 ORDER BY 2 DESC, 1")
    (one,) = (
        row[0] for row in groups.read("SELECT media_id FROM membership WHERE cluster_id = :id LIMIT 1", id=sizes[0][0])
    )
    alone = [row[0] for row in groups.read("SELECT media_id FROM membership WHERE cluster_id = :id", id=sizes[-1][0])]
    lost = sorted([one, *alone])
    groups.read(
        "DELETE FROM embedding WHERE space_id = :id AND media_id = ANY(:ids) RETURNING 1", id=groups.second.id, ids=lost
    )
    before = groups.grouping()
    with pytest.raises(SpaceIncomplete, match="still lacks"):  # they have not been tried yet
        groups.activate(threshold=0.8, without_failed=True)
    groups.read("UPDATE space_fill_item SET error_code = 'original_missing', error_detail = 'no picture' RETURNING 1")
    with pytest.raises(SpaceIncomplete) as refused:
        groups.activate(threshold=0.8)
    assert "--without-failed" in (refused.value.hint or "")

    # A failed activation restores them.
    with services.database.transaction() as session:
        record_holder(session, "host:1", groups.first.id, is_ready=True)
        record_holder(session, "host:1", groups.second.id, is_ready=False, failure="no such file")
    with pytest.raises(EncoderUnavailable):
        groups.activate(threshold=0.8, without_failed=True)
    with services.database.transaction() as session:
        forget_holder(session, "host:1")
    assert groups.grouping() == before

    done = groups.activate(threshold=0.8, without_failed=True)

    assert (done.set_aside, done.led_back) == (len(lost), 0)
    assert groups.grouping() == [row for row in before if row[0] not in lost]
    failed = groups.read("SELECT id, error_code, error_detail FROM media WHERE status = 'failed' ORDER BY id")
    assert [row[:2] for row in failed] == [(media_id, "not_in_space") for media_id in lost]
    assert "no picture" in failed[0][2]
    assert groups.read(
        "SELECT count(*) FROM similar_media(:id, 200, 1)",
        id=groups.ids[0] if groups.ids[0] not in lost else groups.ids[1],
    ) == [(119 - len(lost),)]
    assert groups.read("SELECT count(*) FROM embedding WHERE space_id = :id", id=groups.first.id) == [(120,)]
    assert audit(services.database, replay=True).is_clean
    # A picture that is put back is embedded as an upload is; here nobody has one.
    assert retry_code(services, "not_in_space", actor="ada") == len(lost)
    groups.read("UPDATE media SET status = 'failed', error_code = 'not_in_space' WHERE status = 'pending' RETURNING 1")

    back = groups.activate("t")

    assert back.led_back == len(lost)
    assert Assigner(services, groups.first).assign_waiting() == len(lost)
    assert [row[:2] for row in groups.grouping() if row[0] not in lost] == [
        row[:2] for row in before if row[0] not in lost
    ]
    assert len(groups.grouping()) == 120
    assert audit(services.database, replay=True).is_clean


def lose_in_second(groups: Groups, count: int = 3) -> list[uuid.UUID]:
    """Have the first media fail in the second space."""
    lost = sorted(groups.ids)[:count]
    groups.read(
        "DELETE FROM embedding WHERE space_id = :id AND media_id = ANY(:ids) RETURNING 1", id=groups.second.id, ids=lost
    )
    with pytest.raises(SpaceIncomplete, match="still lacks"):
        groups.activate(threshold=0.8, without_failed=True)
    groups.read("UPDATE space_fill_item SET error_code = 'original_missing', error_detail = 'no picture' RETURNING 1")
    return lost


def partition(groups: Groups, without: Collection[uuid.UUID] = ()) -> set[frozenset[uuid.UUID]]:
    """Who is together with whom, of those that are grouped, `without` some."""
    together: dict[int, set[uuid.UUID]] = {}
    for media_id, cluster_id, _origin in groups.grouping():
        if media_id not in without:
            together.setdefault(cluster_id, set()).add(media_id)
    return {frozenset(members) for members in together.values()}


def assert_led_back(groups: Groups, lost: Collection[uuid.UUID], before: set[frozenset[uuid.UUID]]) -> None:
    """All are grouped, and the others as before. Those that were set aside go by the rule, like uploads: to where they were,
    or to what is nearest meanwhile."""
    assert len(groups.grouping()) == len(groups.ids)
    assert partition(groups, lost) == before
    assert groups.read("SELECT count(*) FROM media WHERE status = 'failed'") == [(0,)]
    assert audit(groups.services.database, replay=True).is_clean


def test_activate__broken_off_after_media_were_set_aside(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = lose_in_second(groups)
    before = partition(groups, lost)

    def break_off(services: Services, space: Any) -> Any:
        if groups.read("SELECT count(*) FROM media WHERE status = 'failed'") == [(len(lost),)]:
            raise BackendUnavailable("lost in between")
        return align(services, space)

    monkeypatch.setattr(activating, "align", break_off)
    with pytest.raises(BackendUnavailable):
        groups.activate(threshold=0.8, without_failed=True)

    Assigner(groups.services, groups.first).assign_waiting()
    assert_led_back(groups, lost, before)


@pytest.mark.parametrize("by", ["sweep", "next_activation"])
def test_activate__killed_after_media_were_set_aside(groups: Groups, by: str) -> None:
    """Nothing could be put right by the process itself: what it was about to do is undone by those that come after."""
    lost = lose_in_second(groups)
    before = partition(groups, lost)
    set_aside(groups.services, groups.second, actor="ada")
    assert groups.read("SELECT count(*) FROM media WHERE status = 'failed'") == [(len(lost),)]
    groups.read(
        "UPDATE space_fill SET wanted_until = now() + interval '1 minute' WHERE space_id = :id RETURNING 1",
        id=groups.second.id,
    )

    sweep(groups.services)  # it may live still
    assert groups.read("SELECT count(*) FROM media WHERE status = 'failed'") == [(len(lost),)]
    if by == "sweep":
        groups.read(
            "UPDATE space_fill SET wanted_until = now() - interval '1 second' WHERE space_id = :id RETURNING 1",
            id=groups.second.id,
        )
        sweep(groups.services)
    else:
        with pytest.raises(SpaceIncomplete, match="still lacks"):
            groups.activate(threshold=0.8)

    Assigner(groups.services, groups.first).assign_waiting()
    assert_led_back(groups, lost, before)


def test_sweep__leaves_what_a_change_has_set_aside(groups: Groups) -> None:
    lost = lose_in_second(groups)
    groups.activate(threshold=0.8, without_failed=True)
    groups.read("UPDATE space_fill SET wanted_until = now() - interval '1 second' RETURNING 1")
    sweep(groups.services)
    assert groups.read("SELECT count(*) FROM media WHERE status = 'failed'") == [(len(lost),)]


def test_activate__without_failed_but_nothing_else_is_there(groups: Groups) -> None:
    groups.read("DELETE FROM embedding WHERE space_id = :id RETURNING 1", id=groups.second.id)
    with pytest.raises(SpaceIncomplete, match="still lacks"):
        groups.activate(threshold=0.8)
    groups.read("UPDATE space_fill_item SET error_code = 'original_missing', error_detail = 'no picture' RETURNING 1")
    before = groups.memberships()
    with pytest.raises(SpaceIncomplete, match="nothing would be left"):
        groups.activate(threshold=0.8, without_failed=True)
    assert groups.memberships() == before


def test_activate__a_process_that_cannot_load_the_encoders_stands_in_the_way(groups: Groups) -> None:
    with groups.services.database.transaction() as session:
        record_holder(session, "host:1", groups.first.id, is_ready=True)
        record_holder(session, "host:1", groups.second.id, is_ready=False, failure="no such file")
    with pytest.raises(EncoderUnavailable, match="host:1 cannot load"):
        groups.activate(threshold=0.8)
    with groups.services.database.transaction() as session:
        forget_holder(session, "host:1")
    groups.activate(threshold=0.8)
