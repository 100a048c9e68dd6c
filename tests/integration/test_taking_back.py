"""Taking decisions of the review back, and giving near-duplicates up in two steps."""

import uuid
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest
import sqlalchemy as sa

from backend.errors import Conflict, InputError, NotFound, UndoBlocked
from backend.features.duplicates import (
    compare_waiting,
    delete_marked,
    keep_all,
    keep_best,
    mark_others,
    read_groups,
    take_back_keep_all,
    unmark,
)
from backend.features.editing import undo
from backend.features.review import decide, item_name, read_queue, refresh_queue, take_back
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.rules.review import ReviewKind, ReviewVerdict
from backend.store.review import MarkedTotals, count_marked, count_waiting_comparisons, record_hashes
from backend.store.schema import Space


@pytest.fixture
def library(
    services: Services,
    make_test_space: Callable[..., Space],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
) -> list[uuid.UUID]:
    """Four versions of one picture, the largest first, and one that joined them narrowly."""
    space = make_test_space(services.database, 4)
    ids = insert_media(services.database, 5, "embedded")
    vectors = np.array([[1, 0, 0, 0]] * 4 + [[0.83, np.sqrt(1 - 0.83**2), 0, 0]], dtype=np.float32)
    embed_media(services.database, space, ids, vectors)
    with services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE media SET width = 50 - upload_seq, height = 10, byte_size = 100, mime = 'image/png'")
        )
        record_hashes(session, dict(zip(ids, [7, 7, 7, 7, -8], strict=True)))
    Assigner(services, space).assign_waiting()
    compare_waiting(services)
    return ids


def narrow(services: Services) -> list[str]:
    items = read_queue(services, ReviewKind.SMALL_MARGIN, limit=10).items
    return [item_name(item.kind, item.subject) for item in items]


def groups(services: Services) -> list[set[uuid.UUID]]:
    return [
        {group.keep.media_id, *(row.media_id for row in group.members)}
        for group in read_groups(services, limit=9).groups
    ]


def is_waiting(services: Services) -> int:
    with services.database.transaction() as session:
        return count_waiting_comparisons(session)


@pytest.mark.parametrize("decision", [ReviewVerdict.ACCEPT, ReviewVerdict.DISMISS])
def test_take_back__item_is_in_the_queue_as_it_was(
    services: Services, library: list[uuid.UUID], decision: ReviewVerdict
) -> None:
    before = read_queue(services, ReviewKind.SMALL_MARGIN, limit=10).items
    (name,) = narrow(services)
    decide(services, name, decision, actor="anna")
    assert narrow(services) == []
    outcome = take_back(services, name, actor="anna")
    assert (outcome is None) == (decision is ReviewVerdict.DISMISS)
    assert read_queue(services, ReviewKind.SMALL_MARGIN, limit=10).items == before
    # Nothing is remembered of it either.
    refresh_queue(services)
    assert narrow(services) == [name]
    with pytest.raises(NotFound):
        take_back(services, name, actor="anna")


def test_take_back__what_the_history_has_undone_already(services: Services, library: list[uuid.UUID]) -> None:
    (name,) = narrow(services)
    outcome = decide(services, name, ReviewVerdict.ACCEPT, actor="anna").outcome
    assert outcome is not None
    assert outcome.event_id is not None
    undo(services, outcome.event_id, actor="anna")
    assert take_back(services, name, actor="anna") is None
    assert narrow(services) == [name]


def test_take_back__later_work_stands_in_the_way(services: Services, library: list[uuid.UUID]) -> None:
    (name,) = narrow(services)
    decide(services, name, ReviewVerdict.ACCEPT, actor="anna")
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE membership SET threshold = 0.5"))
    with pytest.raises(UndoBlocked):
        take_back(services, name, actor="anna")
    # The decision stands, so it can be tried again.
    with services.database.transaction() as session:
        assert session.execute(sa.text("SELECT count(*) FROM review_decision")).scalar_one() == 1


def last_mark(services: Services) -> datetime:
    with services.database.transaction() as session:
        until = count_marked(session).until
    assert until is not None
    return until


def test_mark_others__then_taken_back(services: Services, library: list[uuid.UUID]) -> None:
    assert groups(services) == [set(library[:4])]
    # Another one than the proposed one is kept.
    mark_others(services, library[1], [library[0], library[2]], actor="anna")
    assert groups(services) == [{library[1], library[3]}]
    with services.database.transaction() as session:
        totals = count_marked(session)
    assert (totals.media, totals.byte_size) == (2, 200)
    assert is_waiting(services) == 0
    compare_waiting(services)
    assert groups(services) == [{library[1], library[3]}]
    unmark(services, library[1], [library[0], library[2]])
    assert groups(services) == [set(library[:4])]
    with pytest.raises(Conflict):
        unmark(services, library[1], [library[0], library[2]])


def test_mark_others__what_is_kept_is_marked_no_more(services: Services, library: list[uuid.UUID]) -> None:
    mark_others(services, library[0], library[1:3], actor="anna")
    mark_others(services, library[3], library[:1], actor="anna")
    assert groups(services) == []
    assert delete_marked(services, until=last_mark(services), actor="anna").media == 3
    with services.database.transaction() as session:
        left = set(session.execute(sa.text("SELECT id FROM media")).scalars())
    assert left == {library[3], library[4]}


def test_delete_marked__leaves_what_was_marked_since_it_was_shown(services: Services, library: list[uuid.UUID]) -> None:
    mark_others(services, library[0], library[1:2], actor="anna")
    shown = last_mark(services)
    mark_others(services, library[0], library[2:3], actor="ben")
    assert delete_marked(services, until=shown, actor="anna").media == 1
    with services.database.transaction() as session:
        assert count_marked(session).media == 1
    assert delete_marked(services, until=last_mark(services), actor="anna").media == 1


def test_mark_others__stays_where_the_kept_one_goes(services: Services, library: list[uuid.UUID]) -> None:
    mark_others(services, library[0], library[1:4], actor="anna")
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE cluster SET representative_media_id = NULL"))
    with services.database.transaction() as session:
        session.execute(sa.text("DELETE FROM media WHERE id = :id"), {"id": library[0]})
    assert is_waiting(services) == 3
    compare_waiting(services)
    assert groups(services) == [set(library[1:4])]
    with services.database.transaction() as session:
        assert count_marked(session) == MarkedTotals(media=0, byte_size=0, until=None)


@pytest.mark.parametrize("others", [[], [0], [4]])
def test_mark_others__nonsense(services: Services, library: list[uuid.UUID], others: list[int]) -> None:
    with pytest.raises((InputError, Conflict)):
        mark_others(services, library[0], [library[place] for place in others], actor="anna")


def test_marked__cannot_be_decided_again(services: Services, library: list[uuid.UUID]) -> None:
    mark_others(services, library[0], library[1:2], actor="anna")
    with pytest.raises(Conflict):
        keep_best(services, library[0], library[1:2], actor="anna")


def test_keep_all__taken_back(services: Services, library: list[uuid.UUID]) -> None:
    keep_all(services, library[:4], actor="anna")
    assert groups(services) == []
    take_back_keep_all(services, library[:4])
    assert groups(services) == [set(library[:4])]
