"""The vector scan against brute force in SQL: what it names is exactly what is stored when the query begins."""

import copy
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.errors import BackendUnavailable
from backend.features.search import Effort, OwnVectors, exact_search, nominate, vector_source
from backend.features.search import alpha_insight as insight_module
from backend.features.search.candidates import Candidates, Leg
from backend.features.search.query_vectors import fetch_examples
from backend.rules.search import Filters
from backend.store.engine import Database, begin_snapshot, forbid_writes
from backend.store.search import QueryVectors, ScanAnswer, ScanKeeper, ScanQuestion, match, nearest_exactly
from backend.store.search import scan_keeper as scan_keeping
from backend.store.search.passes import Passes
from backend.store.search.scan_keeper import ScanState
from backend.store.spaces import NewSpace, activate_space, create_space
from tests.support.vector_libraries import COUNT, IMAGE, TEXT, Library, Matrix
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def filled(make_database_url: Callable[[str | None], str], template: str) -> Library:
    """What each library begins as. Its index takes a second to build, a copy of it takes a moment."""
    made = Library(Database(make_database_url(template)))
    made.add(COUNT)
    made.database.dispose()
    return made


@pytest.fixture
def library(filled: Library, copy_database: Callable[[str], str]) -> Iterator[Library]:
    own = copy.copy(filled)
    own.database = Database(copy_database(str(filled.database.engine.url.database)))
    own.generator, own.ids = copy.deepcopy(filled.generator), list(filled.ids)
    yield own
    own.database.dispose()


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Callable[[Library], ScanKeeper]:
    """A scan that is loaded, of a library however small."""
    for module in (exact_search, vector_source):
        monkeypatch.setattr(module, "FEW_MEDIA", 0)

    def make(library: Library) -> ScanKeeper:
        keeper = ScanKeeper(library.database, most_bytes=1 << 30, least_media=1)
        keeper.refresh()
        assert keeper.figures().state is ScanState.READY
        return keeper

    return make


def assert_exact(
    session: Session,
    scans: ScanKeeper,
    query: QueryVectors,
    k: int,
    filters: Filters = Filters(),  # noqa: B008 - frozen
    exclude: tuple[uuid.UUID, ...] = (),
) -> Candidates:
    """The k best, in their order and with their cosines, are those of the exact statement in SQL."""
    found = nominate(
        session,
        query.image,
        query.text,
        k=k,
        alpha=query.alpha,
        filters=filters,
        exclude=exclude,
        scans=OwnVectors(scans),
    )
    true = nearest_exactly(session, query, match(**vars(filters), exclude=exclude), k)
    assert found.media_ids[:k] == [row.media_id for row in true]
    for ours, theirs in ((found.sim_image, "sim_image"), (found.sim_text, "sim_text")):
        wanted = [np.nan if (one := getattr(row, theirs)) is None else one for row in true]
        np.testing.assert_array_equal(ours[:k], wanted)
    return found


def is_by_scan(found: Candidates) -> bool:
    return found.nominated_by[0] == frozenset({Leg.SCAN})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_scan__follows_the_table(library: Library, keep: Callable[[Library], ScanKeeper], seed: int) -> None:
    """Whatever is added, deleted and reworded between two queries, by whomever."""
    library.generator = np.random.default_rng(seed)
    keeper = keep(library)
    by_scan = 0
    for step in range(25):
        changes: list[Callable[[int], object]] = [library.add, library.remove, library.reword, lambda _: None]
        changes[int(library.generator.integers(4))](int(library.generator.integers(1, 40)))
        image, text = library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0]
        alpha = float(library.generator.choice([0.0, 0.2, 0.6, 0.9, 1.0]))
        exclude = tuple(library.ids[:2]) if step % 3 == 0 else ()
        with library.database.transaction() as session:
            for query in (QueryVectors(image, text, alpha), QueryVectors(image, None, 0.6)):
                by_scan += is_by_scan(assert_exact(session, keeper, query, 10, exclude=exclude))
            assert_exact(session, keeper, QueryVectors(None, text, 0.3), 10)
    assert by_scan == 50
    assert keeper.figures().media >= len(library.ids)


def test_scan__equals_and_ends(library: Library, keep: Callable[[Library], ScanKeeper]) -> None:
    """Hundreds of ties, a stored picture as the query, k larger than the library, and every alpha."""
    keeper = keep(library)
    with library.database.transaction() as session:
        rows = session.execute(
            sa.text("SELECT image_embedding, text_embedding FROM media_embedding WHERE media_id = ANY(:ids)"),
            {"ids": library.ids[:1]},
        ).one()
        image = np.array(rows[0].to_numpy() if hasattr(rows[0], "to_numpy") else rows[0], dtype=np.float32)
        for alpha in np.linspace(0, 1, 11):
            for k in (1, 10, 300):
                query = QueryVectors(image, library.vectors(1, TEXT)[0], float(alpha))
                assert is_by_scan(assert_exact(session, keeper, query, k))
        found = nominate(session, image, None, k=5_000, alpha=0.5, filters=Filters(), scans=OwnVectors(keeper))
        assert len(found.media_ids) == COUNT


def test_scan__filters(
    library: Library, keep: Callable[[Library], ScanKeeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By trying the best until enough match."""
    monkeypatch.setattr(vector_source, "_DEAR_BY_ID", 0)
    keeper = keep(library)
    with library.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
    library.remove(50)
    with library.database.transaction() as session:
        for seed in range(10):
            alpha = seed / 9
            query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], alpha)
            found = assert_exact(session, keeper, query, 10, Filters(keywords_any=("fourth",)))
            assert is_by_scan(found)
            assert len(found.media_ids) < COUNT // 4  # not by measuring all


def test_scan__for_any_order(library: Library, keep: Callable[[Library], ScanKeeper]) -> None:
    """The nearest of each leg come too, and nothing that is absent is nearer than the reach."""
    keeper = keep(library)
    image, text = library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0]
    with library.database.transaction() as session:
        found = nominate(
            session, image, text, k=20, alpha=0.5, filters=Filters(), for_any_order=True, scans=OwnVectors(keeper)
        )
        everything = nearest_exactly(session, QueryVectors(image, text, 0.5), match(), COUNT)
    assert is_by_scan(found)
    present = set(found.media_ids)
    for side, reach in (("sim_image", found.image_reach), ("sim_text", found.text_reach)):
        ranked = sorted(
            (row for row in everything if getattr(row, side) is not None), key=lambda row: -getattr(row, side)
        )
        assert present.issuperset(row.media_id for row in ranked[:100])
        absent = [getattr(row, side) for row in ranked if row.media_id not in present]
        assert reach is not None
        assert max(absent) <= reach
    textless = [row.media_id for row in everything if row.sim_text is None]
    best = sorted((row for row in everything if row.sim_text is None), key=lambda row: -(row.sim_image or 0))[:20]
    assert len(textless) > 20
    assert present.issuperset(row.media_id for row in best)
    assert found.certified
    assert found.bound is not None


@pytest.mark.parametrize("textless", [False, True])
def test_insight__exact_at_every_alpha(
    library: Library, keep: Callable[[Library], ScanKeeper], monkeypatch: pytest.MonkeyPatch, textless: bool
) -> None:
    """With one scan, for a picture with text and one without, while deleted ones are still in the scan."""

    def refuse(*_arguments: object, **_named: object) -> None:
        raise AssertionError("there was more than one pass")

    monkeypatch.setattr(insight_module, "nominate", refuse)
    keeper = keep(library)
    library.remove(120)
    with library.database.transaction() as session:
        media_id = session.execute(
            sa.text(
                "SELECT media_id FROM media_embedding WHERE (text_embedding IS NULL) = :textless ORDER BY media_id LIMIT 1"
            ),
            {"textless": textless},
        ).scalar_one()
        found = insight_module.insight(session, media_id, 20, OwnVectors(keeper))
        edges = [one.low for one in found.ranges]
        assert (len(edges) > 20) != textless
        (example,) = fetch_examples(session, [media_id])
        sides = {hit.media_id: (hit.sim_image, hit.sim_text) for hit in found.hits}
        for alpha in np.linspace(0, 1, 101):
            # Where two change places either is right.
            if any(0 < abs(alpha - edge) < 1e-6 for edge in edges):
                continue
            query = QueryVectors(example.image, example.text, float(alpha))
            true = nearest_exactly(session, query, match(exclude=(media_id,)), 20)
            at = [one for one in found.ranges if one.low <= alpha][-1]
            assert [one.media_id for one in true] == list(at.media_ids), alpha
            assert all(sides[one.media_id] == (one.sim_image, one.sim_text) for one in true)


def test_scan__only_what_is_committed(library: Library, keep: Callable[[Library], ScanKeeper]) -> None:
    """A transaction that takes long: begun before the scan was loaded, committed after many others."""
    slow = library.database.engine.connect()
    transaction = slow.begin()
    with Session(slow) as early:
        library.add(5, early)
        early.flush()
        keeper = keep(library)
        library.add(5)
        query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], 0.6)
        with library.database.transaction() as session:
            found = assert_exact(session, keeper, query, 1_000)
            assert len(found.media_ids) == COUNT + 5
        transaction.commit()
        slow.close()
    with library.database.transaction() as session:
        assert len(
            nominate(
                session, query.image, None, k=2_000, alpha=1, filters=Filters(), scans=OwnVectors(keeper)
            ).media_ids
        ) == (COUNT + 10)
        for media_id in library.ids[-10:]:
            (vector,) = nearest_vector(session, media_id)
            found = assert_exact(session, keeper, QueryVectors(vector, None, 1.0), 1)
            assert is_by_scan(found)


def nearest_vector(session: Session, media_id: uuid.UUID) -> tuple[Matrix]:
    row = session.execute(
        sa.text("SELECT image_embedding::real[] FROM media_embedding WHERE media_id = :id"), {"id": media_id}
    ).scalar_one()
    return (np.array(row, dtype=np.float32),)


@pytest.mark.parametrize("seed", [1, 2])
def test_scan__many_at_once(library: Library, keep: Callable[[Library], ScanKeeper], seed: int) -> None:
    """Queries of all kinds share a pass, and each gets its own exact answer: what is stored when it begins, whatever has changed before."""
    library.generator = np.random.default_rng(seed)
    keeper = keep(library)
    batches = hold_passes(keeper)
    for step in range(8):
        changes: list[Callable[[int], object]] = [library.add, library.remove, library.reword]
        changes[step % 3](30)
        queries = [
            QueryVectors(
                None if place % 5 == 4 else library.vectors(1, IMAGE)[0],
                None if place % 5 == 3 else library.vectors(1, TEXT)[0],
                (0.0, 0.2, 1.0, 0.9, 0.3)[place % 5],
            )
            for place in range(16)
        ]
        ks = library.generator.integers(1, 60, 16).tolist()
        excludes = [tuple(library.ids[:place]) for place in range(16)]

        def ask(query: QueryVectors, k: int, exclude: tuple[uuid.UUID, ...]) -> Candidates:
            with library.database.transaction() as session:
                forbid_writes(session)
                return assert_exact(session, keeper, query, k, exclude=exclude)

        batches.clear()
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(ask, queries, ks, excludes))
        assert all(map(is_by_scan, found))
        assert max(batches) > 8


def hold_passes(keeper: ScanKeeper) -> list[int]:
    """Let each pass wait a moment, so that others can come. Returns the sizes of the passes."""
    run, batches = keeper._passes._run, list[int]()

    def run_late(questions: list[ScanQuestion]) -> list[ScanAnswer | None]:
        batches.append(len(questions))
        if len(questions) == 1:
            wait_for(lambda: len(keeper._passes._waiting) > 8 or len(batches) > 2)
        return run(questions)

    keeper._passes._run = run_late
    return batches


def test_scan__alone_if_it_sees_what_others_do_not(
    library: Library, keep: Callable[[Library], ScanKeeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes of its own, or a snapshot of its own."""
    keeper = keep(library)
    shared: list[ScanQuestion] = []
    monkeypatch.setattr(keeper, "ask", shared.append)
    query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], 0.6)
    with library.database.transaction() as session:
        library.add(3, session)
        forbid_writes(session)
        assert_exact(session, keeper, query, COUNT + 3)
    with library.database.transaction() as session:
        begin_snapshot(session)
        forbid_writes(session)
        library.add(3)
        assert_exact(session, keeper, query, 5)
    assert shared == []


def test_scan__a_pass_that_fails_leaves_the_others_to_themselves(
    library: Library, keep: Callable[[Library], ScanKeeper]
) -> None:
    keeper = keep(library)
    run = keeper._passes._run

    def fail_for_company(questions: list[ScanQuestion]) -> list[ScanAnswer | None]:
        if len(questions) == 1:
            wait_for(lambda: len(keeper._passes._waiting) > 2)
            return run(questions)
        raise BackendUnavailable("The connection broke.")

    keeper._passes = Passes(fail_for_company, 1)
    query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], 0.6)

    def ask(_: int) -> bool:
        with library.database.transaction() as session:
            forbid_writes(session)
            try:
                return is_by_scan(assert_exact(session, keeper, query, 10))
            except BackendUnavailable:
                return False

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, range(4))) == [False, True, True, True]


def test_scan__steps_aside(library: Library, keep: Callable[[Library], ScanKeeper]) -> None:
    """What it cannot answer with certainty goes by SQL, and is as right."""
    keeper = keep(library)
    query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], 0.6)
    with library.database.transaction() as session:
        library.add(3, session)
        assert not is_by_scan(assert_exact(session, keeper, query, COUNT + 3))  # its own writing
    with library.database.transaction() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        session.execute(sa.text("SELECT 1"))
        library.add(3)
        assert not is_by_scan(assert_exact(session, keeper, query, COUNT + 3))
    with library.database.transaction() as session:
        found = nominate(
            session,
            query.image,
            query.text,
            k=5,
            alpha=0.6,
            filters=Filters(),
            mode=Effort.EXACT,
            scans=OwnVectors(keeper),
        )
        assert found.nominated_by[0] == frozenset({Leg.EXACT})
        assert keeper._scan is not None
        with keeper._scan.turn:
            assert not is_by_scan(assert_exact(session, keeper, query, 5))
        assert is_by_scan(assert_exact(session, keeper, query, 5))


def test_scan__nothing_to_measure(library: Library, keep: Callable[[Library], ScanKeeper]) -> None:
    """No order that bounds can decide, or nothing left of what they named: the query goes by SQL."""
    keeper = keep(library)
    with library.database.transaction() as session:
        forbid_writes(session)
        found = nominate(
            session,
            None,
            library.vectors(1, TEXT)[0],
            k=5,
            alpha=0.5,
            filters=Filters(),
            for_any_order=True,
            scans=OwnVectors(keeper),
        )
        assert not is_by_scan(found)
        assert found.certified


def test_keeper__another_space(library: Library, keep: Callable[[Library], ScanKeeper]) -> None:
    keeper = keep(library)
    old_ids = library.ids
    with library.database.transaction() as session:
        library.space = create_space(session, NewSpace("z", None, "i", "", "t", "i", "t", IMAGE, TEXT, {}))
        activate_space(session, library.space)
    library.ids = []
    library.add(40)
    query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], 0.6)
    with library.database.transaction() as session:
        found = nominate(session, query.image, query.text, k=10, alpha=0.6, filters=Filters(), scans=OwnVectors(keeper))
        assert not set(found.media_ids) & set(old_ids)
    keeper.refresh()
    with library.database.transaction() as session:
        assert is_by_scan(assert_exact(session, keeper, query, 10))
    assert keeper.figures().media == 40


def test_keeper__another_database_of_the_same_name(
    filled: Library, library: Library, keep: Callable[[Library], ScanKeeper], server_url: str
) -> None:
    """As after a restore: the numbers of its transactions say nothing about what was loaded before."""
    library.add(30)
    keeper = keep(library)
    library.database.engine.dispose()
    name, source = (one.database.engine.url.database for one in (library, filled))
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy".encode())
    query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], 0.6)
    with library.database.transaction() as session:
        found = assert_exact(session, keeper, query, COUNT)
        assert not is_by_scan(found)
    keeper.refresh()
    with library.database.transaction() as session:
        assert is_by_scan(assert_exact(session, keeper, query, 10))
    assert keeper.figures().media == COUNT


def test_keeper__loads_in_the_background_when_it_is_asked(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (exact_search, vector_source):
        monkeypatch.setattr(module, "FEW_MEDIA", 0)
    keeper = ScanKeeper(library.database, most_bytes=1 << 30, least_media=1)
    assert keeper.figures().state is ScanState.IDLE
    query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], 0.6)
    with library.database.transaction() as session:
        assert not is_by_scan(assert_exact(session, keeper, query, 10))
    wait_for(lambda: keeper.figures().state is ScanState.READY)
    with library.database.transaction() as session:
        assert is_by_scan(assert_exact(session, keeper, query, 10))
    keeper.close()


def test_keeper__much_at_once_and_little_left(
    library: Library, keep: Callable[[Library], ScanKeeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More news than a query takes over is for the background; so is throwing away what is gone."""
    monkeypatch.setattr(scan_keeping, "_MOST_NEWS", 20)
    monkeypatch.setattr(scan_keeping, "_COUNT_SECONDS", 0)
    keeper = keep(library)
    monkeypatch.setattr(keeper, "_wake", lambda: None)
    library.add(300)
    query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], 0.6)
    with library.database.transaction() as session:
        assert not is_by_scan(assert_exact(session, keeper, query, 10))
    loaded = keeper._scan
    keeper.refresh()
    assert keeper._scan is loaded
    with library.database.transaction() as session:
        assert is_by_scan(assert_exact(session, keeper, query, 10))
    library.remove(900)
    keeper.refresh()
    assert keeper._scan is not loaded
    assert keeper.figures().media == len(library.ids)


def test_keeper__memory(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    large = ScanKeeper(library.database, most_bytes=10_000, least_media=1)
    large.refresh()
    assert large.figures().state is ScanState.LARGE
    small = ScanKeeper(library.database, most_bytes=1 << 30, least_media=COUNT + 1)
    small.refresh()
    assert small.figures().state is ScanState.SMALL
    off = ScanKeeper(library.database, most_bytes=0)
    off.refresh()
    assert off.figures().state is ScanState.OFF
    with library.database.transaction() as session:
        for keeper in (large, small, off):
            monkeypatch.setattr(keeper, "_wake", lambda: None)
            assert keeper.caught_up(session) is None
