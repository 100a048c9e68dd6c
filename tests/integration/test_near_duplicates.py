"""Near-duplicates from pictures to decisions, and exact copies beside them."""

import io
import threading
import uuid
from collections.abc import Callable

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from backend.demo.gallery.picture import render_picture
from backend.errors import Conflict, InputError, NotFound
from backend.features.duplicates import (
    NearDuplicateGroup,
    compare_all,
    compare_waiting,
    hash_missing,
    keep_all,
    keep_best,
    read_groups,
)
from backend.features.intake import accept_picture
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, open_active_space
from backend.files.text import MediaText
from backend.store.media import list_exact_copies
from backend.store.review import count_waiting_comparisons, record_hashes
from backend.store.schema import Space


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    """A lighthouse in three versions, the best one last; another lighthouse; a blank page in two versions."""
    image, other = (render_picture("lighthouse", seed, 320).image for seed in (3, 20))
    return {
        "small": jpeg(image.resize((image.width // 2, image.height // 2))),
        "compressed": jpeg(image, 40),
        "best": jpeg(image, 92),
        "other": jpeg(other),
        "page": jpeg(Image.new("RGB", (200, 200), "white")),
        "larger page": jpeg(Image.new("RGB", (300, 300), "white")),
    }


@pytest.fixture
def add(services: Services) -> Callable[..., list[uuid.UUID]]:
    """Take pictures in, embed and assign them."""

    def take(*contents: bytes) -> list[uuid.UUID]:
        space = open_active_space(services)
        ids = [
            accept_picture(services, content, MediaText(), source="upload", ring=False).media_id for content in contents
        ]
        while embed_batch(services, space):
            pass
        Assigner(services, space).assign_waiting()
        return ids

    return take


def groups(services: Services) -> dict[uuid.UUID, set[uuid.UUID]]:
    return {group.keep.media_id: {row.media_id for row in group.members} for group in all_groups(services)}


def all_groups(services: Services) -> list[NearDuplicateGroup]:
    return read_groups(services, limit=100).groups


def test_compare__variants_are_found_and_the_best_is_kept(
    services: Services, add: Callable[..., list[uuid.UUID]], pictures: dict[str, bytes]
) -> None:
    small, compressed, best, _, _, _ = add(*pictures.values())
    # The blank pages have no hash to compare, however alike their embeddings.
    assert compare_waiting(services).decided == 4
    assert groups(services) == {best: {small, compressed}}
    (group,) = all_groups(services)
    assert group.why == "None has more pixels (240 x 320), and of those with as many it has the most bytes."
    assert group.size == 3
    assert group.freed_bytes == len(pictures["small"]) + len(pictures["compressed"])
    assert all(row.similarity >= 0.96 and row.hash_distance <= 10 for row in group.members)
    assert (group.keep.similarity, group.keep.hash_distance) == (1.0, 0)
    assert compare_waiting(services).decided == 0


def test_compare__as_they_come_or_all_at_once(
    services: Services, add: Callable[..., list[uuid.UUID]], pictures: dict[str, bytes]
) -> None:
    (small,) = add(pictures["small"])
    compare_waiting(services)
    assert groups(services) == {}
    (compressed,) = add(pictures["compressed"])
    compare_waiting(services)
    assert groups(services) == {compressed: {small}}
    (best,) = add(pictures["best"])
    compare_waiting(services)
    assert groups(services) == {best: {small, compressed}}
    compare_all(services)
    assert groups(services) == {best: {small, compressed}}


def test_keep_best__deletes_the_others_after_a_preview(
    services: Services, add: Callable[..., list[uuid.UUID]], pictures: dict[str, bytes]
) -> None:
    small, compressed, best, other, _, _ = add(*pictures.values())
    compare_waiting(services)
    preview = keep_best(services, best, [small, compressed], actor="anna", dry_run=True)
    assert preview.event_id is None
    assert {media_id for media_id, _, _ in preview.moved} == {small, compressed}
    assert len(groups(services)) == 1
    keep_best(services, best, [small, compressed], actor="anna")
    assert groups(services) == {}
    with services.database.transaction() as session:
        left = set(session.execute(sa.text("SELECT id FROM media")).scalars())
    assert {best, other} <= left
    assert not {small, compressed} & left
    with pytest.raises((Conflict, NotFound)):
        keep_best(services, best, [small], actor="anna")


def test_keep_best__another_one_than_proposed(
    services: Services, add: Callable[..., list[uuid.UUID]], pictures: dict[str, bytes]
) -> None:
    small, compressed, best = add(*(pictures[name] for name in ("small", "compressed", "best")))
    compare_waiting(services)
    # The keeper goes, so what stays is compared again at once.
    keep_best(services, small, [best], actor="anna")
    assert groups(services) == {compressed: {small}}


def test_keep_best__only_within_a_group(
    services: Services, add: Callable[..., list[uuid.UUID]], pictures: dict[str, bytes]
) -> None:
    small, compressed, best, other, _, _ = add(*pictures.values())
    compare_waiting(services)
    with pytest.raises(Conflict, match="no longer a group"):
        keep_best(services, best, [small, other], actor="anna")
    with pytest.raises(InputError):
        keep_best(services, best, [best, small], actor="anna")
    with pytest.raises(InputError):
        keep_best(services, best, [], actor="anna")
    assert groups(services) == {best: {small, compressed}}


def test_keep_best__two_curators_who_keep_what_the_other_deletes(
    services: Services, add: Callable[..., list[uuid.UUID]], pictures: dict[str, bytes]
) -> None:
    small, best = add(pictures["small"], pictures["best"])
    compare_waiting(services)
    refused: list[Exception] = []

    def decide(keep: uuid.UUID, delete: uuid.UUID) -> None:
        try:
            keep_best(services, keep, [delete], actor="one of two")
        except (Conflict, NotFound) as error:
            refused.append(error)

    threads = [threading.Thread(target=decide, args=pair) for pair in ((small, best), (best, small))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    with services.database.transaction() as session:
        assert session.execute(sa.text("SELECT count(*) FROM media")).scalar_one() == 1


def test_keep_all__never_comes_back(
    services: Services, add: Callable[..., list[uuid.UUID]], pictures: dict[str, bytes]
) -> None:
    small, compressed = add(pictures["small"], pictures["compressed"])
    compare_waiting(services)
    keep_all(services, [small, compressed], actor="anna")
    assert groups(services) == {}
    compare_all(services)
    assert groups(services) == {}
    # A new one resembles both, and is to be decided on; the two are still not each other's near-duplicates.
    (best,) = add(pictures["best"])
    compare_waiting(services)
    assert groups(services) == {best: {small, compressed}}
    keep_all(services, [best, small], actor="anna")
    assert groups(services) == {best: {compressed}}
    with pytest.raises(Conflict):
        keep_all(services, [best, small], actor="anna")
    with pytest.raises(InputError):
        keep_all(services, [best, best], actor="anna")


def test_deleted_keeper__the_others_wait_to_be_compared(
    services: Services, add: Callable[..., list[uuid.UUID]], pictures: dict[str, bytes]
) -> None:
    from backend.features.editing import delete_media

    small, compressed, best = add(*(pictures[name] for name in ("small", "compressed", "best")))
    compare_waiting(services)
    delete_media(services, [best], actor="anna")
    assert groups(services) == {}
    with services.database.transaction() as session:
        assert count_waiting_comparisons(session) == 2
    compare_waiting(services)
    assert groups(services) == {compressed: {small}}


def test_hash_missing__older_media_get_theirs(
    services: Services, add: Callable[..., list[uuid.UUID]], pictures: dict[str, bytes]
) -> None:
    add(*pictures.values())
    with services.database.transaction() as session:
        before = session.execute(sa.text("SELECT id, perceptual_hash FROM media ORDER BY id")).all()
        session.execute(sa.text("UPDATE media SET perceptual_hash = NULL"))
        session.execute(sa.text("DELETE FROM near_duplicate"))
    assert hash_missing(services) == 6
    assert hash_missing(services) == 0
    with services.database.transaction() as session:
        assert session.execute(sa.text("SELECT id, perceptual_hash FROM media ORDER BY id")).all() == before
    compare_waiting(services)
    assert len(groups(services)) == 1


def test_read_groups__pages(
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
) -> None:
    space = make_test_space(services.database)
    ids = insert_media(services.database, 24, "embedded")
    generator = np.random.default_rng(1)
    vectors = np.repeat(np.linalg.qr(generator.normal(size=(16, 8)))[0].T, 3, axis=0).astype(np.float32)
    embed_media(services.database, space, ids, vectors)
    hashes = np.repeat(generator.integers(-(2**62), 2**62, 8), 3)
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE media SET width = 10, height = 10, byte_size = 100, mime = 'image/png'"))
        record_hashes(session, dict(zip(ids, hashes.tolist(), strict=True)))
    compare_waiting(services)
    seen: list[uuid.UUID] = []
    before = None
    while True:
        page = read_groups(services, before=before, limit=3)
        assert (page.group_count, page.spare_count) == (8, 16)
        assert all(len(group.members) == 2 for group in page.groups)
        seen += [group.keep.media_id for group in page.groups]
        before = page.next_before
        if before is None:
            break
    assert len(seen) == 8
    assert seen == sorted(set(seen), reverse=True)


def test_exact_copies__where_the_same_bytes_came_again(services: Services, pictures: dict[str, bytes]) -> None:
    def send(source: str, uri: str) -> uuid.UUID:
        return accept_picture(
            services, pictures["best"], MediaText(), source=source, source_uri=uri, ring=False
        ).media_id

    first = send("import", "/photos/a.jpg")
    assert send("import", "/photos/a.jpg") == first
    with services.database.transaction() as session:
        assert list_exact_copies(session, limit=10) == []
    for source, uri in (("import", "/backup/a.jpg"), ("upload", "a.jpg"), ("import", "/backup/a.jpg")):
        assert send(source, uri) == first
    with services.database.transaction() as session:
        newest, older = list_exact_copies(session, limit=10)
        assert list_exact_copies(session, before=(newest.last_sent_at, newest.id), limit=10) == [older]
        assert list_exact_copies(session, media_id=uuid.uuid4(), limit=10) == []
    assert (newest.source, newest.source_uri, newest.times_sent) == ("import", "/backup/a.jpg", 2)
    assert (older.source, older.source_uri, older.times_sent) == ("upload", "a.jpg", 1)
    assert (newest.media_id, newest.media_source_uri) == (first, "/photos/a.jpg")
