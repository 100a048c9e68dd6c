"""Which words of a file that is read again replace those of its picture."""

import pytest

from backend.rules.refresh import FileRole, Outcome, decide_fields


def decide(
    role: FileRole, *, said: str | None, now: str, shown: str, by_hand: bool = False, heard: tuple[str, ...] = ()
) -> str:
    outcomes = decide_fields(
        role,
        {"caption": now},
        said={} if said is None else {"caption": said},
        shown={"caption": shown},
        by_hand={"caption"} if by_hand else (),
        heard={"caption": heard},
    )
    return outcomes["caption"].value


@pytest.mark.parametrize(
    ("said", "now", "shown", "by_hand", "expected"),
    [
        ("a", "a", "a", False, "unchanged"),
        ("a", "b", "a", False, "changed"),
        ("a", "b", "b", False, "unchanged"),
        ("", "b", "", False, "changed"),
        ("a", "", "a", False, "removed"),
        ("a", "", "other", False, "unchanged"),  # another file gave what is shown
        ("a", "b", "other", False, "changed"),
        ("a", "a", "other", False, "unchanged"),
        ("a", "b", "mine", True, "kept"),
        ("a", "", "mine", True, "kept"),
        ("a", "a", "mine", True, "unchanged"),
        ("a", "b", "", True, "kept"),  # emptied by hand
        (None, "b", "a", False, "unchanged"),  # what it said last time is unknown
        (None, "b", "", False, "changed"),
        (None, "", "a", False, "unchanged"),
        (None, "b", "", True, "unchanged"),
    ],
)
def test_known_file(said: str | None, now: str, shown: str, by_hand: bool, expected: str) -> None:
    assert decide(FileRole.KNOWN, said=said, now=now, shown=shown, by_hand=by_hand) == expected


@pytest.mark.parametrize(
    ("now", "shown", "heard", "by_hand", "expected"),
    [
        ("a", "a", ("a",), False, "unchanged"),
        ("b", "a", ("a",), False, "changed"),
        ("b", "a", ("a", "b"), False, "unchanged"),  # another file said so before, and it was not shown
        ("", "a", ("a",), False, "unchanged"),
        ("b", "", (), False, "changed"),
        ("b", "mine", ("a",), True, "kept"),
        ("a", "mine", ("a",), True, "unchanged"),
    ],
)
def test_moved_file(now: str, shown: str, heard: tuple[str, ...], by_hand: bool, expected: str) -> None:
    assert decide(FileRole.MOVED, said=None, now=now, shown=shown, heard=heard, by_hand=by_hand) == expected


@pytest.mark.parametrize(
    ("now", "shown", "by_hand", "expected"),
    [
        ("b", "a", False, "unchanged"),
        ("b", "", False, "changed"),
        ("b", "", True, "unchanged"),
        ("", "a", False, "unchanged"),
        ("", "", False, "unchanged"),
    ],
)
def test_copy_of_a_file_that_is_there(now: str, shown: str, by_hand: bool, expected: str) -> None:
    assert decide(FileRole.COPY, said=None, now=now, shown=shown, by_hand=by_hand) == expected


@pytest.mark.parametrize(
    ("said", "now", "shown", "by_hand", "expected"),
    [
        ("a", "b", "a", False, "changed"),
        ("a", "", "a", False, "removed"),
        ("a", "b", "sidecar", False, "unchanged"),
        ("", "b", "", False, "changed"),
        ("a", "b", "", False, "changed"),
        ("a", "b", "a", True, "kept"),
        (None, "b", "a", False, "unchanged"),
    ],
)
def test_stored_original(said: str | None, now: str, shown: str, by_hand: bool, expected: str) -> None:
    assert decide(FileRole.ORIGINAL, said=said, now=now, shown=shown, by_hand=by_hand) == expected


def test_fields_are_decided_each_by_itself() -> None:
    outcomes = decide_fields(
        FileRole.KNOWN,
        {"title": "new", "caption": "new", "keywords": "same", "location": ""},
        said={"title": "old", "caption": "old", "keywords": "same", "location": "old"},
        shown={"title": "old", "caption": "mine", "keywords": "same", "location": "old"},
        by_hand={"caption"},
    )
    assert outcomes == {
        "title": Outcome.CHANGED,
        "caption": Outcome.KEPT,
        "keywords": Outcome.UNCHANGED,
        "location": Outcome.REMOVED,
    }


def test_a_field_that_could_not_be_read_is_not_decided() -> None:
    assert decide_fields(FileRole.KNOWN, {}, said={"title": "old"}, shown={"title": "old"}) == {}
