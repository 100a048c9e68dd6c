"""The review queue over real assignments: what is found, and what deciding does."""

import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray

from backend.doorbell import Doorbell, Work
from backend.errors import Conflict, InputError, NotFound
from backend.features.editing import Extract, Lock, Merge, Move, Rename, Split, perform, propose_split, undo
from backend.features.integrity import audit
from backend.features.review import Decided, decide, explain, item_name, read_queue, refresh_queue
from backend.features.review import decisions as deciding
from backend.features.services import Services
from backend.features.steps import Assigner, sweep
from backend.rules.editing import Outcome
from backend.rules.review import ReviewKind, ReviewVerdict
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.review import QueuedItem, find_item
from backend.store.schema import Space

_DIMENSION = 16


def axis(number: int) -> NDArray[np.float64]:
    return np.eye(_DIMENSION)[number]


def tilted(centre: NDArray[np.float64], towards: NDArray[np.float64], cosine: float) -> NDArray[np.float64]:
    """The unit vector of this cosine to a centre, tilted towards an orthogonal one."""
    return cosine * centre + np.sqrt(1 - cosine**2) * towards


class Library:
    """Media with given image and caption vectors, assigned in their order."""

    def __init__(self, services: Services, space: Space, insert_media: Callable[..., list[uuid.UUID]]) -> None:
        self.services = services
        self.space = space
        self._insert = insert_media
        self._count = 0

    def add(self, *images: NDArray[np.float64], captions: list[NDArray[np.float64]] | None = None) -> list[uuid.UUID]:
        ids = self._insert(self.services.database, len(images), "embedded", first=self._count)
        self._count += len(images)
        with self.services.database.transaction() as session:
            new = [
                NewEmbedding(
                    media_id,
                    image.astype(np.float32),
                    None,
                    None if captions is None else captions[place].astype(np.float32),
                )
                for place, (media_id, image) in enumerate(zip(ids, images, strict=True))
            ]
            insert_embeddings(session, self.space.id, new)
        Assigner(self.services, self.space).assign_waiting()
        return ids

    def cluster_of(self, media_id: uuid.UUID) -> int:
        with self.services.database.transaction() as session:
            return session.execute(
                sa.text("SELECT cluster_id FROM membership WHERE media_id = :id"), {"id": media_id}
            ).scalar_one()

    def queue(self, kind: ReviewKind) -> list[QueuedItem]:
        return read_queue(self.services, kind, limit=100).items

    def names(self, kind: ReviewKind) -> list[str]:
        return [item_name(item.kind, item.subject) for item in self.queue(kind)]

    def decide(self, item: QueuedItem, decision: ReviewVerdict, **more: Any) -> Decided:
        return decide(self.services, item_name(item.kind, item.subject), decision, actor="anna", **more)


def outcome_of(decided: Decided) -> Outcome:
    assert decided.outcome is not None
    return decided.outcome


def event_of(decided: Decided) -> int:
    event_id = outcome_of(decided).event_id
    assert event_id is not None
    return event_id


def ids_of(item: QueuedItem) -> tuple[int, int]:
    """The two groups of an item that names two."""
    assert item.cluster is not None
    assert item.other_cluster is not None
    return item.cluster.id, item.other_cluster.id


@pytest.fixture
def library(
    services: Services, make_test_space: Callable[..., Space], insert_media: Callable[..., list[uuid.UUID]]
) -> Library:
    return Library(services, make_test_space(services.database, _DIMENSION), insert_media)


def tight(centre: int, count: int = 8) -> list[NDArray[np.float64]]:
    """Members within 0.99 of an axis, tilted every which way."""
    return [tilted(axis(centre), axis(8 + number % 8), 0.99) for number in range(count)]


def test_small_margin__joined_and_founded(library: Library) -> None:
    library.add(axis(0))
    (joined,) = library.add(tilted(axis(0), axis(1), 0.83))
    library.add(axis(4))
    (founder,) = library.add(tilted(axis(4), axis(5), 0.815))
    library.add(tilted(axis(6), axis(7), 0.9))
    first, second = library.queue(ReviewKind.SMALL_MARGIN)
    assert [first.media_id, second.media_id] == [founder, joined]
    assert first.figures["margin"] == pytest.approx(0.005, abs=1e-5)
    assert second.figures["margin"] == pytest.approx(0.01, abs=1e-5)
    assert first.cluster.id == library.cluster_of(founder)
    assert first.other_cluster is not None
    assert first.other_cluster.size == 1
    assert "0.0050 short of joining the nearest one (0.815)" in explain(first)
    assert "0.0100 above the threshold of 0.82" in explain(second)


def test_small_margin__accepted_corrected_dismissed(library: Library) -> None:
    (target,) = library.add(axis(0))
    (other,) = library.add(axis(5))
    confirmed, corrected, dismissed = library.add(*(tilted(axis(0), axis(n), 0.86) for n in (1, 2, 3)))
    # Whatever their margins are, as the centroid moves: ask for all three.
    with library.services.database.transaction() as session:
        session.execute(sa.text("UPDATE membership SET margin = 0.01 WHERE origin = 'auto' AND NOT founder"))
    refresh_queue(library.services)
    items = {item.media_id: item for item in library.queue(ReviewKind.SMALL_MARGIN)}
    assert set(items) == {confirmed, corrected, dismissed}

    preview = library.decide(
        items[corrected], ReviewVerdict.CORRECT, cluster_id=library.cluster_of(other), dry_run=True
    )
    assert outcome_of(preview).event_id is None
    assert library.cluster_of(corrected) == library.cluster_of(target)
    library.decide(items[corrected], ReviewVerdict.CORRECT, cluster_id=library.cluster_of(other))
    assert library.cluster_of(corrected) == library.cluster_of(other)
    accepted = library.decide(items[confirmed], ReviewVerdict.ACCEPT)
    library.decide(items[dismissed], ReviewVerdict.DISMISS)
    assert library.queue(ReviewKind.SMALL_MARGIN) == []
    refresh_queue(library.services)
    assert library.queue(ReviewKind.SMALL_MARGIN) == []
    with pytest.raises(NotFound):
        library.decide(items[dismissed], ReviewVerdict.ACCEPT)
    # What is undone is open again; what was dismissed is not.
    undo(library.services, event_of(accepted), actor="anna")
    refresh_queue(library.services)
    assert [item.media_id for item in library.queue(ReviewKind.SMALL_MARGIN)] == [confirmed]
    assert audit(library.services.database).is_clean


def test_outlier__far_from_the_others_of_its_cluster(library: Library) -> None:
    library.add(*tight(0, 16))
    (far,) = library.add(tilted(axis(0), axis(1), 0.86))
    library.add(*tight(2, 3), tilted(axis(2), axis(3), 0.86))
    (item,) = library.queue(ReviewKind.OUTLIER)
    assert item.media_id == far
    assert item.figures["robust_z"] < -3.5
    assert item.figures["typical_similarity"] == pytest.approx(0.99, abs=0.01)
    assert "robust standard deviations lower" in explain(item)
    library.decide(item, ReviewVerdict.ACCEPT)
    assert library.queue(ReviewKind.OUTLIER) == []
    refresh_queue(library.services)
    assert library.queue(ReviewKind.OUTLIER) == []


def test_outlier__dismissed_comes_back_where_it_has_become_much_odder(library: Library) -> None:
    library.add(*tight(0, 16))
    (far,) = library.add(tilted(axis(0), axis(1), 0.86))
    (item,) = library.queue(ReviewKind.OUTLIER)
    library.decide(item, ReviewVerdict.DISMISS)
    library.add(*tight(0, 2))
    assert library.queue(ReviewKind.OUTLIER) == []
    with library.services.database.transaction() as session:
        session.execute(sa.text("UPDATE review_decision SET urgency = urgency - 3"))
    refresh_queue(library.services)
    assert [one.media_id for one in library.queue(ReviewKind.OUTLIER)] == [far]


def test_outlier__dismissed_is_asked_again_in_another_cluster(library: Library) -> None:
    library.add(*tight(0, 16))
    (far,) = library.add(tilted(axis(0), axis(1), 0.86))
    library.decide(library.queue(ReviewKind.OUTLIER)[0], ReviewVerdict.DISMISS)
    (name,) = [
        f"outlier:{far}:{cluster_id}"
        for cluster_id in {library.cluster_of(media_id) for media_id in library.add(*tight(2, 9))}
    ]
    # Moved automatically, like consolidation does: a curator's membership is never an outlier.
    with library.services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE membership SET cluster_id = :id WHERE media_id = :media"),
            {"id": int(name.rpartition(":")[2]), "media": far},
        )
    refresh_queue(library.services)
    assert library.names(ReviewKind.OUTLIER) == [name]


def test_caption_disagreement__a_caption_of_another_picture(library: Library) -> None:
    images = [vector for centre in range(6) for vector in tight(centre, 8)]
    captions = [tilted(image, axis(7), 0.8) for image in images]
    captions = [caption / np.linalg.norm(caption) for caption in captions]
    captions[3] = captions[20]
    ids = library.add(*images, captions=captions)
    (item,) = library.queue(ReviewKind.CAPTION_DISAGREEMENT)
    assert item.media_id == ids[3]
    assert item.figures["percentile"] < 0.94
    assert item.figures["typical_similarity"] > 0.7
    assert "no better than" in explain(item)
    # The caption changes: the item disappears before the queue is computed again.
    with library.services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE embedding SET created_at = now() + interval '1 s' WHERE media_id = :id"), {"id": ids[3]}
        )
    assert library.queue(ReviewKind.CAPTION_DISAGREEMENT) == []


def test_caption_disagreement__accepting_keeps_picture_and_words(library: Library) -> None:
    images = [vector for centre in range(6) for vector in tight(centre, 8)]
    ids = library.add(*images, captions=[*images[:3], images[20], *images[4:]])
    (item,) = library.queue(ReviewKind.CAPTION_DISAGREEMENT)
    library.decide(item, ReviewVerdict.ACCEPT)
    refresh_queue(library.services)
    assert library.queue(ReviewKind.CAPTION_DISAGREEMENT) == []
    with library.services.database.transaction() as session:
        origin = session.execute(sa.text("SELECT origin FROM membership WHERE media_id = :id"), {"id": ids[3]})
        assert origin.scalar_one() == "curator"


def test_merge_candidate__accepted_into_the_larger(library: Library) -> None:
    small, large = library.add(axis(0), tilted(axis(0), axis(1), 0.81))
    library.add(tilted(axis(0), axis(1), 0.81))
    library.add(axis(4))
    small_id, large_id = library.cluster_of(small), library.cluster_of(large)
    (item,) = library.queue(ReviewKind.MERGE_CANDIDATE)
    assert ids_of(item) == (small_id, large_id)
    assert item.figures["similarity"] == pytest.approx(0.81, abs=1e-5)
    assert "0.810" in explain(item)
    with pytest.raises(InputError):
        library.decide(item, ReviewVerdict.CORRECT, cluster_id=large_id)
    decided = library.decide(item, ReviewVerdict.ACCEPT)
    assert outcome_of(decided).removed_cluster_ids == (small_id,)
    assert library.cluster_of(small) == large_id
    assert library.queue(ReviewKind.MERGE_CANDIDATE) == []
    with library.services.database.transaction() as session:
        (event_id,) = session.execute(sa.text("SELECT event_id FROM review_decision")).one()
    assert event_id == event_of(decided)
    assert audit(library.services.database).is_clean


def test_merge_candidate__not_what_is_locked_dismissed_or_kept_apart(library: Library) -> None:
    pairs = [library.add(axis(2 * n), tilted(axis(2 * n), axis(2 * n + 1), 0.81)) for n in range(3)]
    assert len(library.queue(ReviewKind.MERGE_CANDIDATE)) == 3
    library.decide(
        next(i for i in library.queue(ReviewKind.MERGE_CANDIDATE) if i.cluster.id == library.cluster_of(pairs[0][1])),
        ReviewVerdict.DISMISS,
    )
    perform(library.services, Lock(library.cluster_of(pairs[1][0])), actor="anna")
    merged = library.cluster_of(pairs[2][0])
    perform(library.services, Merge((library.cluster_of(pairs[2][1]),), merged), actor="anna")
    perform(library.services, Extract((pairs[2][1],)), actor="anna")
    refresh_queue(library.services)
    assert library.queue(ReviewKind.MERGE_CANDIDATE) == []


def test_split_candidate__halves_are_no_larger_than_a_split_takes(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = library.add(*tight(0, 6)), library.add(*tight(1, 5))
    cluster_id = library.cluster_of(left[0])
    perform(library.services, Merge((library.cluster_of(right[0]),), cluster_id), actor="anna")
    for module in ("split", "plan"):
        monkeypatch.setattr(f"backend.features.editing.{module}.MAX_MEDIA", 5)
    proposed = propose_split(library.services, cluster_id)
    assert perform(library.services, Split(cluster_id, tuple(proposed.right)), actor="anna", dry_run=True).moved
    monkeypatch.setattr("backend.features.editing.split.MAX_MEDIA", 4)
    with pytest.raises(Conflict, match="can be split off at once"):
        propose_split(library.services, cluster_id)


def test_split_candidate__accepted_as_proposed(library: Library) -> None:
    left, right = library.add(*tight(0, 6)), library.add(*tight(1, 5))
    library.add(*tight(2, 8))
    cluster_id = library.cluster_of(left[0])
    perform(library.services, Merge((library.cluster_of(right[0]),), cluster_id), actor="anna")
    (item,) = library.queue(ReviewKind.SPLIT_CANDIDATE)
    assert item.cluster.id == cluster_id
    assert item.cluster.size == 11
    assert item.figures["mean_pairwise_similarity"] < 0.6
    assert "Two of its members have a mean cosine of" in explain(item)
    library.decide(item, ReviewVerdict.ACCEPT)
    assert {library.cluster_of(media_id) for media_id in left} == {cluster_id}
    assert len({library.cluster_of(media_id) for media_id in right} | {cluster_id}) == 2
    assert library.queue(ReviewKind.SPLIT_CANDIDATE) == []
    assert audit(library.services.database).is_clean


def test_read_queue__pages_and_counts(library: Library) -> None:
    for number in range(7):
        library.add(axis(2 * number), tilted(axis(2 * number), axis(2 * number + 1), 0.825 + 0.001 * number))
    seen: list[str] = []
    after = None
    while True:
        page = read_queue(library.services, ReviewKind.SMALL_MARGIN, after=after, limit=3)
        assert page.counts[ReviewKind.SMALL_MARGIN] == 7
        assert set(page.counts) == set(ReviewKind)
        seen += [item.subject for item in page.items]
        after = page.next_after
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 7
    assert seen == [item.subject for item in library.queue(ReviewKind.SMALL_MARGIN)]


def test_read_queue__what_changed_since_is_left_out(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.add(axis(0))
    (moved,) = library.add(tilted(axis(0), axis(1), 0.83))
    (other,) = library.add(axis(4))
    refresh_queue(library.services)
    monkeypatch.setattr("backend.features.review.queue._SMALL_LIBRARY", 0)
    perform(library.services, Move((moved,), library.cluster_of(other)), actor="anna")
    page = read_queue(library.services, ReviewKind.SMALL_MARGIN, limit=10)
    assert (page.items, page.counts[ReviewKind.SMALL_MARGIN], page.is_stale) == ([], 0, True)
    refresh_queue(library.services)
    assert not read_queue(library.services, ReviewKind.SMALL_MARGIN, limit=10).is_stale


def test_read_queue__empty_library(services: Services) -> None:
    page = read_queue(services, ReviewKind.OUTLIER, limit=10)
    assert (page.items, page.refreshed_at, page.is_stale) == ([], None, False)
    assert refresh_queue(services) == 0


def test_refresh_queue__a_decision_made_meanwhile_is_respected(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add(axis(0), tilted(axis(0), axis(1), 0.83))
    (item,) = library.queue(ReviewKind.SMALL_MARGIN)
    from backend.features.review import queue

    find = queue._FINDERS[ReviewKind.SMALL_MARGIN]

    def dismiss_meanwhile(facts: Any) -> Any:
        library.decide(item, ReviewVerdict.DISMISS)
        return find(facts)

    monkeypatch.setitem(queue._FINDERS, ReviewKind.SMALL_MARGIN, dismiss_meanwhile)
    refresh_queue(library.services)
    with library.services.database.transaction() as session:
        assert find_item(session, library.space.id, item.kind, item.subject) is None


def test_decide__what_no_longer_holds(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item of a page that was read a while ago speaks of groups as they were then."""
    library.add(axis(0))
    (moved,) = library.add(tilted(axis(0), axis(1), 0.83))
    (other,) = library.add(axis(4))
    (item,) = [one for one in library.queue(ReviewKind.SMALL_MARGIN) if one.media_id == moved]
    with library.services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE membership SET cluster_id = :other WHERE media_id = :moved"),
            {"other": library.cluster_of(other), "moved": moved},
        )
    for decision in (ReviewVerdict.ACCEPT, ReviewVerdict.DISMISS):
        with pytest.raises(NotFound, match="out of date"):
            library.decide(item, decision)
    # Also where it changes between the reading and the lock.
    with library.services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE membership SET cluster_id = :before WHERE media_id = :moved"),
            {"before": item.cluster.id, "moved": moved},
        )
    real = deciding._operation

    def move_meanwhile(*arguments: Any) -> object:
        perform(library.services, Move((moved,), library.cluster_of(other)), actor="bert")
        return real(*arguments)

    monkeypatch.setattr(deciding, "_operation", move_meanwhile)
    with pytest.raises(NotFound, match="out of date"):
        library.decide(item, ReviewVerdict.ACCEPT)


@pytest.mark.parametrize("how", ["locked", "apart"])
def test_merge_candidate__locked_or_kept_apart_since(
    library: Library, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    library.add(axis(0), tilted(axis(0), axis(1), 0.80))
    (item,) = library.queue(ReviewKind.MERGE_CANDIDATE)
    monkeypatch.setattr("backend.features.review.queue._SMALL_LIBRARY", 0)
    if how == "locked":
        perform(library.services, Lock(item.cluster.id), actor="bert")
    else:
        event_id = perform(library.services, Rename(item.cluster.id, "of its own"), actor="bert").event_id
        a, b = sorted(ids_of(item))
        with library.services.database.transaction() as session:
            session.execute(
                sa.text("INSERT INTO cluster_cannot_link VALUES (:a, :b, :event_id)"),
                {"a": a, "b": b, "event_id": event_id},
            )
    assert library.queue(ReviewKind.MERGE_CANDIDATE) == []
    with pytest.raises(NotFound, match="out of date"):
        library.decide(item, ReviewVerdict.ACCEPT)


@pytest.mark.parametrize(
    ("name", "decision", "cluster_id", "error"),
    [
        ("small_margin:nothing", ReviewVerdict.ACCEPT, None, NotFound),
        ("odd:1", ReviewVerdict.ACCEPT, None, InputError),
        ("outlier:", ReviewVerdict.ACCEPT, None, InputError),
    ],
)
def test_decide__refused(
    services: Services, name: str, decision: ReviewVerdict, cluster_id: int | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        decide(services, name, decision, actor="anna", cluster_id=cluster_id)


def test_decide__a_correction_needs_a_cluster_and_nothing_else_may_have_one(library: Library) -> None:
    library.add(axis(0), tilted(axis(0), axis(1), 0.83))
    (item,) = library.queue(ReviewKind.SMALL_MARGIN)
    with pytest.raises(InputError, match="must name the group"):
        library.decide(item, ReviewVerdict.CORRECT)
    with pytest.raises(InputError, match="Only a correction"):
        library.decide(item, ReviewVerdict.DISMISS, cluster_id=1)


def test_sweep__rings_for_the_queue_where_groups_have_changed(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []

    def ring(_self: Doorbell, work: Work, **_more: object) -> bool:
        rung.append(work.value)
        return True

    monkeypatch.setattr(Doorbell, "ring", ring)
    sweep(library.services)
    assert rung == []
    library.add(axis(0))
    sweep(library.services)
    assert rung == ["mediacluster.review"]
    refresh_queue(library.services)
    library.add(axis(1))
    rung.clear()
    # Not so soon after the last time.
    sweep(library.services)
    assert rung == []
