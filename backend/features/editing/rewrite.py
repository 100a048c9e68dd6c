"""Change of a picture's text, and of the vectors made from it."""

import uuid
from dataclasses import fields

from backend.doorbell import Work
from backend.errors import Conflict
from backend.features.editing.wording import Vector, Wording, encode_wordings
from backend.features.services import Services
from backend.files.metadata import hide_coordinates, with_place
from backend.files.text import MediaText, TextChanges, clean_media_text
from backend.store.access import Act, count_rewrites, record_act
from backend.store.groups import mark_unlabelled
from backend.store.media import get_media, get_media_for_update, media_columns, replace_wording, take_back
from backend.store.schema import EMBEDDED_STATUSES, Media, MediaStatus
from backend.store.spaces import find_active_space, queue_elsewhere, queue_words

# How the moment is known is a part of it.
_MOMENT, _OF_THE_MOMENT = "taken_at", {"taken_at_precision", "taken_at_source"}


def rewrite_text(services: Services, media_id: uuid.UUID, changes: TextChanges, *, actor: str) -> None:
    """Change the text and record which fields changed. The text vectors of an embedded picture are updated at once; its image vector and
    group stay. A location that is nothing but coordinates becomes the place, if there is none. Vectors are computed outside the
    transaction, which fails if somebody has changed the text meanwhile. Over what a copy or a refresh has changed meanwhile, the edit
    wins.

    Raises:
        NotFound: the picture does not exist.
        InvalidText: a field exceeds its limit, or contains NUL.
        Conflict: the picture is a duplicate, or its text was changed meanwhile.
        EncoderUnavailable, SpaceMismatch: the vectors cannot be computed. Nothing is changed.
    """
    while not _try_rewrite(services, media_id, changes, actor=actor):
        pass


def _try_rewrite(services: Services, media_id: uuid.UUID, changes: TextChanges, *, actor: str) -> bool:
    """Returns False if a file has changed the text meanwhile."""
    with services.database.transaction() as session:
        media = get_media(session, media_id)
        space = find_active_space(session)
        edits = count_rewrites(session, str(media_id))
    if media.status == MediaStatus.DUPLICATE:
        raise Conflict(
            f"Picture {media_id} is a duplicate of {media.duplicate_of}.", hint="Change the text of that one instead."
        )
    before = MediaText.of(media)
    after, place = hide_coordinates(clean_media_text(changes.apply_to(before), services.limits), {})
    if media_columns(after) == media_columns(before) and media.exif.keys() >= place.keys():
        return True
    vectors: tuple[Vector | None, Vector | None] | None = None
    if space is not None and media.status in EMBEDDED_STATUSES:
        vectors = encode_wordings(services.encoders_of(space), space, [Wording.of(after, media.ocr_text)])[0]
    queued = 0
    with services.database.transaction() as session:
        current = get_media_for_update(session, media_id)
        if MediaText.of(current) != before and count_rewrites(session, str(media_id)) == edits:
            return False
        _require_unchanged(current, before, is_embedded=vectors is not None)
        for column, value in media_columns(after).items():
            setattr(current, column, value)
        current.exif = with_place(current.exif, place)
        if space is not None and vectors is not None:
            # After a change of model, the active space may still lack the picture. Its vectors are computed there too.
            is_there = replace_wording(session, space.id, media_id, *vectors)
            mark_unlabelled(session, media_id)
            queued = queue_elsewhere(session, space.id if is_there else None, [media_id])
        else:
            take_back(session, current)
            # A picture that was set aside, or failed after it was embedded, may return with its old vectors.
            queued = queue_words(session, media_id)
        record_act(session, actor, Act.MEDIA_REWRITTEN, str(media_id), fields=_changed_fields(before, after))
    if vectors is None:
        services.doorbell.ring(Work.EMBED)
    if queued:
        services.doorbell.ring(Work.FILL)
    return True


def _changed_fields(before: MediaText, after: MediaText) -> list[str]:
    now, then = media_columns(after), media_columns(before)
    changed = {name for name in now if now[name] != then[name]}
    if changed & _OF_THE_MOMENT:
        changed = changed - _OF_THE_MOMENT | {_MOMENT}
    return [field.name for field in fields(MediaText) if field.name in changed]


def _require_unchanged(current: Media, before: MediaText, *, is_embedded: bool) -> None:
    if MediaText.of(current) != before or (current.status in EMBEDDED_STATUSES) != is_embedded:
        raise Conflict(
            f"Picture {current.id} was changed while its new text was being embedded.",
            hint="Read it again, then repeat the change.",
        )
