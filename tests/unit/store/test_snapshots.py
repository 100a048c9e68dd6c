"""When one snapshot has seen all that another has seen: against histories in which each transaction is followed."""

from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given

from backend.store.engine import Snapshot

_SERVER = "1764590000.5/16384"


@given(st.lists(st.integers(0, 9), max_size=40), st.data())
def test_covers__exactly_if_nothing_is_missing(ends: list[int], data: st.DataObject) -> None:
    """Transactions begin one after the other, and end in any order, or not at all."""
    seen: list[tuple[Snapshot, frozenset[int]]] = []
    running: list[int] = []
    ended: set[int] = set()
    next_id = 100
    for end in ends:
        if end < 5 or not running:
            running.append(next_id)
            next_id += 1
        else:
            ended.add(running.pop(end % len(running)))
        seen.append((Snapshot(next_id, tuple(running), _SERVER), frozenset(ended)))
    if not seen:
        return
    one, seen_by_one = data.draw(st.sampled_from(seen))
    other, seen_by_other = data.draw(st.sampled_from(seen))
    if one.covers(other):
        assert seen_by_other <= seen_by_one
    if seen.index((one, seen_by_one)) >= seen.index((other, seen_by_other)):
        assert one.covers(other)


def test_covers__no_other_server_and_none_that_is_unknown() -> None:
    one = Snapshot(10, (), _SERVER)
    assert one.covers(replace(one, next_id=9))
    assert not one.covers(replace(one, next_id=9, server="1764590001.5/16384"))
    assert not replace(one, server="").covers(replace(one, server=""))


def test_is_of_database__after_a_restart_too() -> None:
    one = Snapshot(10, (), _SERVER)
    assert one.is_of_database(replace(one, server="1764599999.1/16384"))
    assert not one.is_of_database(replace(one, server="1764590000.5/16385"))
