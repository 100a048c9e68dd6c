"""A library with items in every queue of the review page."""

import io
from collections.abc import Collection
from dataclasses import replace

import sqlalchemy as sa
from PIL import Image

from backend.features.duplicates import compare_waiting
from backend.features.editing import Merge, Move, perform, rewrite_text
from backend.features.intake import accept_picture
from backend.features.naming import refresh_labels
from backend.features.review import read_queue, refresh_queue
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, open_active_space
from backend.files.text import MediaText, TextChanges
from backend.rules.review import ReviewKind
from backend.store.media import get_media

# Size of a group in which an outlier stands out.
_TIGHT = 7


def fill_review(services: Services) -> None:
    """Create small margins and merge candidates by grouping strictly, then loosely, and the other items by hand."""
    _regroup(services, strict=0.95, loose=0.6)
    refresh_queue(services)
    alike = _groups_to_merge(services)
    others = [group for group in _largest_groups(services) if group not in alike]
    _misplace(services, others[0])
    _merge_unlike(services, others[1], {*alike, others[0]})
    _swap_captions(services)
    _add_versions(services, 2)
    refresh_labels(services)
    refresh_queue(services)


def _regroup(services: Services, *, strict: float, loose: float) -> None:
    with services.database.transaction() as session:
        for deletion in ("DELETE FROM membership", "DELETE FROM centroid", "DELETE FROM cluster"):
            session.execute(sa.text(deletion))
        session.execute(sa.text("UPDATE media SET status = 'embedded', ready_at = NULL"))
        middle = session.execute(sa.text("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY upload_seq) FROM media"))
        session.execute(
            sa.text("UPDATE media SET status = 'pending' WHERE upload_seq > :middle"), {"middle": middle.scalar_one()}
        )
    for threshold in (strict, loose):
        changed = services.settings.model_copy(update={"threshold": threshold})
        Assigner(replace(services, settings=changed), open_active_space(services)).assign_waiting()
        with services.database.transaction() as session:
            session.execute(sa.text("UPDATE media SET status = 'embedded' WHERE status = 'pending'"))


def _largest_groups(services: Services) -> list[int]:
    with services.database.transaction() as session:
        rows = session.execute(sa.text("SELECT cluster_id FROM centroid ORDER BY member_count DESC, cluster_id"))
        return list(rows.scalars())


def _groups_to_merge(services: Services) -> set[int]:
    pairs = read_queue(services, ReviewKind.MERGE_CANDIDATE, limit=100).items
    return {group.id for item in pairs for group in (item.cluster, item.other_cluster) if group is not None}


def _misplace(services: Services, group: int) -> None:
    """Move an unrelated picture into a large group, as if by automatic grouping."""
    with services.database.transaction() as session:
        nearest = session.execute(
            sa.text(
                "SELECT media_id FROM embedding, centroid WHERE cluster_id = :id "
                "ORDER BY image_embedding <=> centroid, media_id"
            ),
            {"id": group},
        ).scalars()
        ranked = list(nearest)
    chosen = (*ranked[:_TIGHT], ranked[-1])
    perform(services, Move(chosen, group), actor="demo")
    with services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE membership SET origin = 'auto' WHERE media_id = ANY(:ids)"), {"ids": list(chosen)}
        )


def _merge_unlike(services: Services, group: int, kept: Collection[int]) -> None:
    with services.database.transaction() as session:
        farthest = session.execute(
            sa.text(
                "SELECT other.cluster_id FROM centroid AS this, centroid AS other WHERE this.cluster_id = :id "
                "AND other.member_count > 1 AND NOT other.cluster_id = ANY(:kept) ORDER BY this.centroid <=> other.centroid DESC LIMIT 1"
            ),
            {"id": group, "kept": list(kept)},
        ).scalar_one()
    perform(services, Merge((farthest,), group), actor="demo")


def _swap_captions(services: Services) -> None:
    with services.database.transaction() as session:
        captioned = session.execute(sa.text("SELECT id, caption FROM media WHERE caption <> '' ORDER BY caption")).all()
    first, last = captioned[0], captioned[-1]
    rewrite_text(services, first.id, TextChanges(caption=last.caption), actor="demo")
    rewrite_text(services, last.id, TextChanges(caption=first.caption), actor="demo")


def _add_versions(services: Services, count: int) -> None:
    """Add smaller copies of some pictures."""
    with services.database.transaction() as session:
        ids = session.execute(sa.text("SELECT id FROM media ORDER BY upload_seq LIMIT :count"), {"count": count})
        originals = [get_media(session, media_id) for media_id in ids.scalars()]
    for media in originals:
        picture = Image.open(io.BytesIO(services.storage.read(media.original_key or "")))
        for share in (0.6, 0.4):
            smaller = io.BytesIO()
            picture.resize((round(picture.width * share), round(picture.height * share))).save(smaller, "JPEG")
            accept_picture(services, smaller.getvalue(), MediaText(title=media.title), source="demo", ring=False)
    space = open_active_space(services)
    while embed_batch(services, space):
        pass
    Assigner(services, space).assign_waiting()
    compare_waiting(services)
