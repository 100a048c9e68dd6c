"""Filters of `similar_media` and `search_media`: exact against brute force, and by the rules of the HTTP API."""

import re
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pgvector import Vector

from backend.errors import InvalidQuery
from backend.rules.dates import read_begin, read_end
from backend.rules.search import Filters
from backend.store.engine import Database, Session
from backend.store.functions import as_statement, function_source
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.search import MediaMatch, match, match_media, nearest_exactly, search_media, similar_media
from backend.store.search.candidates import QueryVectors
from backend.store.spaces import NewSpace, activate_space, create_space
from backend.store.statements import contains_folded

IMAGE, TEXT, COUNT = 8, 6, 400
KEYWORDS = ("Zürich", "STRASSE", "sea", "Ålesund", "été", "Łódź")
PLACES = ("Zürich, Schweiz", unicodedata.normalize("NFD", "Tromsø, Norge, Ålesund"), "İstanbul", "", "Bergen")
FIRST_DAY = datetime(2015, 1, 1, tzinfo=UTC)


@dataclass
class Picture:
    """A row as stored, with its vectors."""

    media_id: uuid.UUID
    image: NDArray[np.float32]
    text: NDArray[np.float32] | None
    keywords: list[str]
    taken_at: datetime | None
    location: str
    mime: str
    source: str
    cluster_id: int | None


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def make_pictures(seed: int) -> list[Picture]:
    """Vectors of few directions, so that many similarities are equal, and some pictures without text, date or group."""
    generator = np.random.default_rng(seed)
    images, texts = unit(generator.normal(size=(COUNT, IMAGE))), unit(generator.normal(size=(COUNT, TEXT)))
    images[::4], texts[::4] = images[0], texts[0]
    pictures = []
    for number in range(COUNT):
        chosen = generator.random(len(KEYWORDS)) < (0.5, 0.2, 0.1, 0.05, 0.02, 0.005)
        pictures.append(
            Picture(
                uuid.UUID(int=int(generator.integers(1, 2**62)) + number),
                images[number],
                texts[number] if generator.random() < 0.8 else None,
                [word for word, has in zip(KEYWORDS, chosen, strict=True) if has],
                FIRST_DAY + timedelta(hours=int(generator.integers(0, 2_000))) if generator.random() < 0.9 else None,
                PLACES[generator.integers(len(PLACES))],
                ("image/jpeg", "image/png")[int(generator.random() < 0.1)],
                ("url", "import")[int(generator.random() < 0.3)],
                int(generator.integers(1, 6)) if generator.random() < 0.9 else None,
            )
        )
    return pictures


def insert(database: Database, pictures: list[Picture]) -> None:
    with database.transaction() as session:
        space = create_space(session, NewSpace("s", None, "i", "", "t", "i", "t", IMAGE, TEXT, {}))
        session.execute(
            sa.text("INSERT INTO cluster (id) OVERRIDING SYSTEM VALUE SELECT n FROM generate_series(1, 5) AS n")
        )
        for one in pictures:
            session.execute(
                sa.text(
                    "INSERT INTO media (id, source, source_uri, status, keywords, taken_at, location, mime) "
                    "VALUES (:media_id, :source, 'x', 'fetching', :keywords, :taken_at, :location, :mime)"
                ),
                vars(one),
            )
            if one.cluster_id is not None:
                session.execute(
                    sa.text(
                        "INSERT INTO membership (media_id, cluster_id, space_id, similarity, threshold, founder) "
                        "VALUES (:media_id, :cluster_id, :space_id, 0.9, 0.82, false)"
                    ),
                    {**vars(one), "space_id": space.id},
                )
        insert_embeddings(
            session, space.id, [NewEmbedding(one.media_id, one.image, one.text, None) for one in pictures]
        )
        activate_space(session, space)


class Library:
    """Not a dataclass: hypothesis would write all pictures out with each example."""

    def __init__(self, database: Database, pictures: list[Picture]) -> None:
        self.database = database
        self.pictures = pictures


@pytest.fixture(scope="module")
def library(make_database_url: Callable[[str | None], str], template: str) -> Iterator[Library]:
    database = Database(make_database_url(template))
    pictures = make_pictures(1)
    insert(database, pictures)
    yield Library(database, pictures)
    database.dispose()


@pytest.fixture(scope="module")
def large_library(make_database_url: Callable[[str | None], str], template: str) -> Iterator[Library]:
    """A library that counts as large, since its numbers of few media are small: indexes answer, and filters may be broad."""
    database = Database(make_database_url(template))
    pictures = make_pictures(2)
    insert(database, pictures)
    source = re.sub(r"\d+ AS few_filtered_media", "40 AS few_filtered_media", function_source("search_policy"))
    source = re.sub(r"\d+ AS few_media_in_sql", "20 AS few_media_in_sql", source)
    with database.transaction() as session:
        session.execute(as_statement(source))
    yield Library(database, pictures)
    database.dispose()


def fold(said: str) -> str:
    """What `folded` does, by Python's tables. Its letters are those of the examples below."""
    kept, before = "", ""
    for sign in unicodedata.normalize("NFKD", said):
        # An accent makes a letter of the sign right before it only, not past another accent.
        is_letter = (before, sign) in {(base, mark) for bases, mark in _LETTERS for base in bases}
        before = sign
        if is_letter or not any(low <= sign <= high for low, high in _ACCENTS):
            kept += sign
    lower = "".join(sign.casefold() for sign in kept)
    return unicodedata.normalize("NFC", "".join(_PLAIN.get(sign, sign) for sign in lower))


_LETTERS = (("ИиУу", "\u0306"), ("Іі", "\u0308"), ("ГгКк", "\u0301"))
_ACCENTS = (
    ("\u0300", "\u036f"),
    ("\u1ab0", "\u1aff"),
    ("\u1dc0", "\u1dff"),
    ("\u20d0", "\u20ff"),
    ("\ufe20", "\ufe2f"),
)
_PLAIN = {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th"}


def begin_of(day: str) -> datetime:
    begin = read_begin(day, "taken_from")
    assert begin is not None
    return begin


def end_of(day: str) -> datetime:
    end = read_end(day, "taken_until")
    assert end is not None
    return end


def passes(one: Picture, filters: dict[str, Any]) -> bool:
    own = {fold(word) for word in one.keywords}
    checks: dict[str, Callable[[Any], bool]] = {
        "keywords_any": lambda words: not own.isdisjoint(map(fold, words)),
        "keywords_all": lambda words: own.issuperset(map(fold, words)),
        "taken_from": lambda day: one.taken_at is not None and one.taken_at >= begin_of(day),
        "taken_until": lambda day: one.taken_at is not None and one.taken_at <= end_of(day),
        "location": lambda place: fold(place) in fold(one.location),
        "mime": lambda types: one.mime in types,
        "source": lambda sources: one.source in sources,
        "cluster_ids": lambda ids: one.cluster_id in ids,
    }
    return all(checks[name](value) for name, value in filters.items())


def rank(
    pictures: list[Picture], image: NDArray[np.float32] | None, text: NDArray[np.float32] | None, alpha: float
) -> list[tuple[uuid.UUID, float]]:
    """Brute force in numpy, best first. Equal similarities are in the order of ids, as rounding lets."""

    def cosine(one: NDArray[np.float32] | None, other: NDArray[np.float32] | None) -> float:
        return 0.0 if one is None or other is None else float(one.astype(np.float64) @ other.astype(np.float64))

    rows = [
        (
            alpha * cosine(image, one.image) + (1 - alpha) * cosine(text, one.text),
            cosine(image, one.image),
            one.media_id,
        )
        for one in pictures
    ]
    rows.sort(key=lambda row: (-round(row[0], 6), -round(row[1], 6), row[2]))
    return [(media_id, combined) for combined, _, media_id in rows]


def assert_exact(found: list[Any], expected: list[tuple[uuid.UUID, float]], k: int) -> None:
    """As many as there are, up to k, with the best values; the same pictures but for what single precision cannot tell."""
    assert len(found) == min(k, len(expected))
    best = expected[:k]
    np.testing.assert_allclose([one.combined for one in found], [value for _, value in best], atol=2e-6)
    values = dict(expected)
    for one in found:
        assert one.combined == pytest.approx(values[one.media_id], abs=2e-6)
    assert len({one.media_id for one in found}) == len(found)


days = st.sampled_from(["2015", "2015-01", "2015-02", "20150215", "2015-03-01", "2015-01-20T12:00+02:00", "2016"])
words = st.sampled_from(
    ["zurich", "ZÜRICH", "Straße", "SEA", unicodedata.normalize("NFD", "ålesund"), "ete", "lodz", "x"]
)
_any_filters: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "keywords_any": st.lists(words, min_size=1, max_size=3),
        "keywords_all": st.lists(words, min_size=1, max_size=2),
        "taken_from": days,
        "taken_until": days,
        "location": st.sampled_from(
            [
                "zurich",
                "TROMSO",
                unicodedata.normalize("NFD", "ålesund"),
                "istanbul",
                "berg",
                "e",
                "zü",
                "ch, sch",
                "ürich, schweiz",
            ]
        ),
        "mime": st.sampled_from([["image/png"], ["image/jpeg"], ["image/jpeg", "image/png"]]),
        "source": st.sampled_from([["url"], ["import"], ["url", "import"]]),
        "cluster_ids": st.lists(st.integers(1, 6), min_size=1, max_size=3),
    },
)
filter_sets = _any_filters.filter(
    lambda chosen: (
        "taken_until" not in chosen or begin_of(chosen.get("taken_from", "2015")) <= end_of(chosen["taken_until"])
    )
)
properties = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("which", ["library", "large_library"])
@properties
@example(filters={"keywords_any": ["lodz"]}, row=0, k=3, alpha=0.5, sides="both")
@example(filters={"mime": ["image/jpeg"]}, row=4, k=5, alpha=0.6, sides="both")
@example(filters={"keywords_any": ["zurich"]}, row=7, k=30, alpha=1.0, sides="image")
@example(filters={"source": ["import"]}, row=9, k=200, alpha=0.0, sides="text")
@given(
    filters=filter_sets,
    row=st.integers(0, COUNT - 1),
    k=st.sampled_from([1, 3, 10, 60, COUNT]),
    alpha=st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.6, 0.8, 1.0]) | st.floats(0.01, 1),
    sides=st.sampled_from(["both", "image", "text"]),
)
def test_search__equals_brute_force_under_filters(
    request: pytest.FixtureRequest, which: str, filters: dict[str, Any], row: int, k: int, alpha: float, sides: str
) -> None:
    library: Library = request.getfixturevalue(which)
    own = library.pictures[row]
    matching = [one for one in library.pictures if passes(one, filters)]
    image = own.image if sides != "text" else None
    text = (own.text if own.text is not None else library.pictures[0].text) if sides != "image" else None
    with library.database.transaction() as session:
        found = search_media(session, image, text, k, alpha, **filters)
        similar = similar_media(session, own.media_id, k, alpha, **filters)
    assert_exact(found, rank(matching, image, text, alpha), k)
    others = [one for one in matching if one is not own]
    assert_exact(similar, rank(others, own.image, own.text, alpha), k)


def ask_batch(
    session: Session, images: list[Any], texts: list[Any] | None, **filters: Any
) -> list[tuple[int, MediaMatch]]:
    named = "".join(f", {name} => :{name}" for name in filters)
    rows = session.execute(
        sa.text(
            "SELECT query, media_id, sim_image, sim_text, combined "
            f"FROM search_media_batch(CAST(:images AS vector[]), CAST(:texts AS vector[]), 5, 0.6{named})"
        ),
        {"images": as_array(images), "texts": None if texts is None else as_array(texts), **filters},
    )
    return [(row.query, MediaMatch(row.media_id, row.sim_image, row.sim_text, row.combined)) for row in rows]


def as_array(vectors: list[Any]) -> str:
    return "{" + ",".join("NULL" if one is None else f'"{Vector(one).to_text()}"' for one in vectors) + "}"


@pytest.mark.parametrize("which", ["library", "large_library"])
@pytest.mark.parametrize(
    "filters", [{}, {"keywords_any": ["zurich", "sea"]}, {"source": ["import"], "taken_from": "1990"}]
)
def test_search_media_batch__is_each_search_in_turn(
    request: pytest.FixtureRequest, which: str, filters: dict[str, Any]
) -> None:
    library: Library = request.getfixturevalue(which)
    pictures = library.pictures[:6]
    images = [None if place == 2 else one.image for place, one in enumerate(pictures)]
    texts = [None if place == 3 else one.text for place, one in enumerate(pictures)]
    with library.database.transaction() as session:
        found = ask_batch(session, images, texts, **filters)
        expected = [
            (place, hit)
            for place, (image, text) in enumerate(zip(images, texts, strict=True), 1)
            for hit in search_media(session, image, text, 5, 0.6, **filters)
        ]
        assert len(expected) > 10
        assert found == expected
        pictures_alone = ask_batch(session, images[:2], None, **filters)
        assert pictures_alone == [
            (place, hit)
            for place, image in enumerate(images[:2], 1)
            for hit in search_media(session, image, None, 5, 0.6, **filters)
        ]
        assert ask_batch(session, [], None, **filters) == []


@properties
@given(filters=filter_sets)
def test_filters__the_same_for_sql_and_the_service(library: Library, filters: dict[str, Any]) -> None:
    """Row by row and figure by figure, ties too."""
    own = library.pictures[0]
    read = dict(filters)
    for name, reading in (("taken_from", read_begin), ("taken_until", read_end)):
        if name in read:
            read[name] = reading(read[name], name)
    with library.database.transaction() as session:
        found = search_media(session, own.image, own.text, COUNT, 0.6, **filters)
        expected = nearest_exactly(session, QueryVectors(own.image, own.text, 0.6), match(**read), COUNT)
    assert [(one.media_id, one.sim_image, one.sim_text) for one in found] == [
        (one.media_id, one.sim_image, one.sim_text) for one in expected
    ]


def test_location__is_found_by_its_index(database: Database) -> None:
    """Parts of three characters and more, by SQL and by the service. Without it, each picture's place is folded: 0.35 s of 100,000."""
    with database.transaction() as session:
        session.execute(
            sa.text(
                "INSERT INTO media (id, source, source_uri, status, caption, location) SELECT gen_random_uuid(), 'url', 'x', 'fetching', "
                "repeat('words ', 60), 'Zürich, Straße ' || number || ', Schweiz' FROM generate_series(1, 5000) AS number"
            )
        )
        session.execute(sa.text("ANALYZE media"))
        of_service = match_media(Filters(location="STRASSE 4711"))
        plan = session.execute(
            sa.text(f"EXPLAIN SELECT FROM media WHERE {of_service.condition}"), of_service.parameters
        ).scalars()
        assert "media_location_idx" in "\n".join(plan)
        before = _count_scans(session)
        call = "SELECT count(*) FROM matching_media(NULL, NULL, NULL, NULL, NULL, NULL, :place, NULL, NULL, NULL)"
        assert session.scalar(sa.text(call), {"place": "strasse 4711"}) == 1
        assert session.scalar(sa.text(call), {"place": "rich, STRASSE 471"}) == 11
        assert session.scalar(sa.text(call), {"place": "ü"}) == 5000
        assert _count_scans(session) >= before + 2


def _count_scans(session: Session) -> int:
    """Scans of the index of locations in this transaction."""
    return session.execute(sa.text("SELECT pg_stat_get_xact_numscans('media_location_idx'::regclass)")).scalar_one()


def test_filters__empty_ones_are_none(library: Library) -> None:
    own = library.pictures[0]
    nothing: dict[str, Any] = {"keywords_any": [], "mime": [], "cluster_ids": [], "location": "", "taken_from": ""}
    with library.database.transaction() as session:
        assert search_media(session, own.image, own.text, 5, 0.6, **nothing) == search_media(
            session, own.image, own.text, 5, 0.6
        )


def refusal(database: Database, call: str) -> tuple[str, str, str]:
    with pytest.raises(sa.exc.DBAPIError) as caught, database.engine.connect() as connection:
        connection.execute(sa.text(f"SELECT * FROM {call}"))
    diagnostics = caught.value.orig.diag  # type: ignore[union-attr]
    return diagnostics.sqlstate, diagnostics.message_primary, diagnostics.message_hint


_ZERO = "'[0,0,0,0,0,0,0,0]'::vector"
_TINY = "'[1e-30,0,0,0,0,0,0,0]'::vector"
_HUGE = "'[1e30,0,0,0,0,0,0,0]'::vector"


@pytest.mark.parametrize(
    ("call", "says", "hints"),
    [
        (f"search_media({_ZERO}, NULL)", "the image query is not a direction", "Embed the query again"),
        ("search_media(NULL, '[0,0,0,0,0,0]')", "the text query is not a direction", "NULL leaves out this side"),
        (f"search_media({_TINY}, NULL)", "the image query is not a direction", "unit vector"),
        (f"search_media({_HUGE}, NULL)", "the image query is not a direction", "unit vector"),
        (f"search_media_exactly({_ZERO}, NULL)", "the image query is not a direction", "Embed the query again"),
        (f"search_media_by_index({_ZERO}, NULL, 3, 1, 40)", "the image query is not a direction", "Embed"),
        (f"nearest_clusters({_ZERO})", "the image query is not a direction", "Embed the query again"),
        ("search_media(NULL, NULL, mime => '{NULL}')", "a filter has an empty value", "Leave out"),
        ("search_media(NULL, NULL, keywords_any => '{sea,\"  \"}')", "a filter has an empty value", "Leave out"),
        ("search_media(NULL, NULL, taken_from => '1433548800')", "taken_from is '1433548800', which is not a date", "2015-06"),
        ("search_media(NULL, NULL, taken_from => '2016', taken_until => '2015')", "taken_until is before", "Swap"),
    ],
)  # fmt: skip
def test_public_functions__refuse_with_a_hint(library: Library, call: str, says: str, hints: str) -> None:
    state, message, hint = refusal(library.database, call)
    assert state == "22023"
    assert says in message
    assert hints in hint


def test_search_media__the_rights_that_filters_need(library: Library) -> None:
    """A reader of the view alone searches as before; filters read the tables that they are about."""
    own, role = library.pictures[0], f"reader_{uuid.uuid4().hex[:8]}"
    with library.database.transaction() as session:
        session.execute(sa.text(f"CREATE ROLE {role}; GRANT SELECT ON media_embedding TO {role}"))
    try:
        with library.database.transaction() as session:
            session.execute(sa.text(f"SET LOCAL ROLE {role}"))
            assert len(search_media(session, own.image, own.text, 3, 0.6)) == 3
        with library.database.transaction() as session:
            session.execute(sa.text(f"GRANT SELECT ON media TO {role}; SET LOCAL ROLE {role}"))
            assert len(search_media(session, own.image, own.text, 3, 0.6, mime=["image/jpeg"])) == 3
    finally:
        with library.database.transaction() as session:
            session.execute(sa.text(f"DROP OWNED BY {role}; DROP ROLE {role}"))


# --- one rule for words and dates ----------------------------------------------------------------------------


def fold_in_sql(database: Database, said: list[str]) -> list[str]:
    with database.engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT folded(one) FROM unnest(CAST(:said AS text[])) WITH ORDINALITY AS t(one, n) ORDER BY n"),
            {"said": said},
        )
        return list(rows.scalars())


@pytest.mark.parametrize(
    ("said", "folded"),
    [
        ("Zürich", "zurich"), (unicodedata.normalize("NFD", "Zürich"), "zurich"), ("STRASSE", "strasse"), ("Straße", "strasse"),
        ("STRAẞE", "strasse"), ("Ålesund", "alesund"), ("\u212b", "a"), ("İstanbul", "istanbul"), ("DIYARBAKIR", "diyarbakir"),
        ("Diyarbakır", "diyarbakir"), ("ΣΊΣΥΦΟΣ", "σισυφοσ"), ("Σίσυφος", "σισυφοσ"), ("Łódź", "lodz"), ("Tromsø", "tromso"),
        ("Æsir", "aesir"), ("Œuvre", "oeuvre"), ("Þór", "thor"), ("ﬁn", "fin"), ("ＡＢＣ", "abc"), ("Hà Nội", "ha noi"),
        ("Ёлка", "елка"), ("ЙОГА", "йога"), ("Їжак", "їжак"), ("Ќерка", "ќерка"), ("Երևան", "երեւան"),
        ("서울", "서울"), (unicodedata.normalize("NFD", "서울"), "서울"), ("हिन्दी", "हिन्दी"), ("กรุงเทพฯ", "กรุงเทพฯ"),
        ("がぎ", "がぎ"), (unicodedata.normalize("NFD", "パリ"), "パリ"), ("東京", "東京"), ("ശ്രീ", "ശ്രീ"), ("لُبْنَان", "لُبْنَان"),
        ("שָׁלוֹם", unicodedata.normalize("NFC", "שָׁלוֹם")), ("a\u00a0b", "a b"), ("", ""), ("SEA 1", "sea 1"),
    ],
)  # fmt: skip
def test_folded__examples(library: Library, said: str, folded: str) -> None:
    assert fold_in_sql(library.database, [said]) == [folded]
    assert fold(said) == folded


def test_folded__whatever_the_locale(database: Database) -> None:
    """`lower` knows ASCII alone under the locale C, which managed servers have too."""
    name = f"c_{uuid.uuid4().hex[:12]}"
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            sa.text(
                f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
            )
        )
    plain = Database(sa.make_url(database.url).set(database=name).render_as_string(hide_password=False))
    said = ["ЙОГА ЁЛКА ЂАК ҐАНОК", "ØRE ÅRE ŁÓDŹ ÆSIR ÞÓR STRAẞE İZMIR Ŋ", "ΣΊΣΥΦΟΣ ΏΡΑ", "ԵՐԵՎԱՆ", "ЇЖАК"]
    try:
        with plain.engine.begin() as connection:
            assert connection.execute(sa.text("SELECT lower('Ж')")).scalar_one() == "Ж"
            connection.execute(as_statement(function_source("folded")))
        assert fold_in_sql(plain, said) == fold_in_sql(database, said) == [fold(one) for one in said]
    finally:
        plain.dispose()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text(f"DROP DATABASE {name}"))


@pytest.mark.parametrize("part", ["zurich", "ZÜRICH", unicodedata.normalize("NFD", "zürich"), "rich see", "100"])
def test_contains_folded__for_lists_of_the_pages(library: Library, part: str) -> None:
    with library.database.transaction() as session:
        assert session.scalar(sa.select(contains_folded(sa.literal("Zürich See 100%"), part)))
        assert not session.scalar(sa.select(contains_folded(sa.literal("Zürich See 100%"), part + "_")))


def scripts() -> st.SearchStrategy[str]:
    """Texts of one script each, and of accents on anything."""
    blocks = [
        (0x20, 0x17F), (0x1E00, 0x1EFF), (0x370, 0x3FF), (0x1F00, 0x1FFF), (0x400, 0x45F), (0x490, 0x4FF), (0x531, 0x587),
        (0x5D0, 0x5EA), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x3040, 0x30FF), (0x4E00, 0x4EFF),
        (0xAC00, 0xD7A3), (0xFF00, 0xFFEF), (0x300, 0x36F),
    ]  # fmt: skip
    letters = [
        st.characters(min_codepoint=low, max_codepoint=high, exclude_categories=("Cc", "Cs", "Cn"))
        for low, high in blocks
    ]
    accents = st.characters(min_codepoint=0x300, max_codepoint=0x36F)
    return st.one_of(
        [st.text(one | accents, max_size=6) for one in letters] + [st.text(st.one_of(letters), max_size=8)]
    )


@properties
@given(said=st.lists(scripts(), min_size=1, max_size=100))
def test_folded__one_rule_in_every_script(library: Library, said: list[str]) -> None:
    folded = fold_in_sql(library.database, said)
    assert folded == [fold(one) for one in said]
    assert fold_in_sql(library.database, folded) == folded  # what is folded stays
    for form in ("NFC", "NFD"):
        assert fold_in_sql(library.database, [unicodedata.normalize(form, one) for one in said]) == folded


def read_in_sql(database: Database, written: str, *, is_end: bool) -> datetime | None:
    call = sa.text("SELECT read_filter_date(:written, 'taken_from', :is_end)")
    with database.engine.connect() as connection:
        return connection.execute(call, {"written": written, "is_end": is_end}).scalar_one()


_written = st.from_regex(
    r"\A ?[0-9]{4}(-?(0[0-9]|1[0-3])(-?[0-3][0-9]([T ]([01][0-9]|2[0-4]):?[0-6][0-9](:?[0-6][0-9](\.[0-9]{1,8})?)?"
    r"(Z|[+-]([01][0-9]|2[0-5])(:?[0-5][0-9])?)?)?)?)? ?\Z"
)


@properties
@example(written="2015-06-06T12:30:15.5+02:00")
@example(written="9999")
@example(written="0001-01-01T00:00+14:00")
@example(written="9999-12-31T23:59-14:00")
@example(written="2015-02-30")
@example(written="1433548800")
@example(written="2016-02")
@example(written="2015-06-06T23:59:60")
@example(written="2015-06-06 12:30:15.1234567-05:30")
@example(written="٢٠١٥")
@example(written=" ")
@given(written=_written | st.text("0123456789-T:Z+. ", max_size=12))
def test_read_filter_date__as_the_service_reads_it(library: Library, written: str) -> None:
    for read, is_end in ((read_begin, False), (read_end, True)):
        try:
            expected = read(written, "taken_from")
        except InvalidQuery:
            with pytest.raises(sa.exc.DataError, match="which is not a date"):
                read_in_sql(library.database, written, is_end=is_end)
        else:
            assert read_in_sql(library.database, written, is_end=is_end) == expected
