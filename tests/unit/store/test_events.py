import uuid

import pytest

from backend.store.events import Event, EventKind


def test_event__tells_what_it_has() -> None:
    media_id = uuid.uuid4()
    assert Event(EventKind.READY, media_id, 7).body() == {
        "type": "media.ready",
        "media_id": str(media_id),
        "cluster_id": 7,
    }
    assert Event(EventKind.FAILED, media_id, error_code="quarantined").body() == {
        "type": "media.failed",
        "media_id": str(media_id),
        "error_code": "quarantined",
    }


@pytest.mark.parametrize("kind", EventKind)
def test_event__names_what_it_happened_to(kind: EventKind) -> None:
    assert kind.subject in Event.__dataclass_fields__
    others = {"media_id": uuid.uuid4(), "cluster_id": 7}
    del others[kind.subject]
    with pytest.raises(ValueError, match=f"{kind} needs {kind.subject}"):
        Event(kind, **others)  # type: ignore[arg-type]
