"""The cascade against brute force: whatever the vectors, the bases and the orders are, it misses none of the best."""

import platform
from itertools import pairwise, product
from typing import Any, cast

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backend.errors import InvalidVector
from backend.rules.search import Basis, CodedMedia, Kind, Probe, Weights, measure_side, reach
from backend.rules.search.cascade_kernel import add_products
from backend.vectors import unit_rows

IMAGE, TEXT = 96, 40
COUNT = 700
KINDS = ("normal", "spikes", "equal", "halves", "ties", "near ties", "one huge number", "few dimensions")
Matrix = NDArray[np.float32]


def vectors(kind: str, count: int, dimension: int, generator: np.random.Generator) -> Matrix:
    found = generator.normal(size=(count, dimension))
    if kind == "spikes":  # one number takes the whole scale, so that the others are lost
        found *= 0.003
        found[np.arange(count), generator.integers(dimension, size=count)] = 1.0
    elif kind == "equal":
        found[:] = 1.0
    elif kind == "halves":  # codes lie in the middle between two whole numbers
        found = (generator.integers(-127, 127, (count, dimension)) + 0.5) / 127
    elif kind == "ties":
        found = found[generator.integers(9, size=count)]
    elif kind == "near ties":
        found = found[generator.integers(9, size=count)] + 1e-6 * found
    elif kind == "one huge number":
        found[:, 3] = 1e4
    elif kind == "few dimensions":
        found = found[:, :6] @ generator.normal(size=(6, dimension)) + 0.05 * found
    return np.asarray(found, dtype=np.float32)


def code(images: Matrix, texts: Matrix, has_text: NDArray[np.bool_], bases: tuple[Basis, Basis]) -> CodedMedia:
    """Media with texts first, as the scan loads them."""
    media = CodedMedia.empty(len(images), bases)
    count = int(np.count_nonzero(has_text))
    media.write(0, images[:count], texts[:count])
    media.write(count, images[count:], None)
    return media


def learn(images: Matrix, texts: Matrix, count: int = 1_000_000) -> tuple[Basis, Basis]:
    return Basis.learn(images, images.shape[1], count), Basis.learn(texts, texts.shape[1], count)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(KINDS),
    learned_from=st.sampled_from([*KINDS, "nothing"]),
    query_kind=st.sampled_from([*KINDS, "a row", "against all"]),
    alpha=st.sampled_from([0.0, 1e-9, 0.3, 0.6, 1.0]),
    wanted=st.sampled_from([1, 10, COUNT, COUNT + 5]),
    kind_of_media=st.sampled_from([Kind.LIVE, Kind.LIVE | Kind.WITH_TEXT, Kind.LIVE | Kind.WITHOUT_TEXT]),
)
def test_reach__none_of_the_best_is_missed(
    seed: int, kind: str, learned_from: str, query_kind: str, alpha: float, wanted: int, kind_of_media: Kind
) -> None:
    """Also if the basis was learned from a library that is quite unlike the vectors of today."""
    generator = np.random.default_rng(seed)
    images, texts = (vectors(kind, COUNT, size, generator) for size in (IMAGE, TEXT))
    size = 0 if learned_from == "nothing" else 300
    other = learned_from if size else "normal"
    bases = learn(vectors(other, size, IMAGE, generator), vectors(other, size, TEXT, generator))
    has_text = np.arange(COUNT) < 500
    kinds = np.where(has_text, Kind.WITH_TEXT, Kind.WITHOUT_TEXT).astype(np.uint8)
    kinds[generator.random(COUNT) < 0.9] |= np.uint8(Kind.LIVE)
    if query_kind == "a row":
        image, text = images[0], texts[0]
    elif query_kind == "against all":
        image, text = -images.sum(axis=0), -texts.sum(axis=0)
    else:
        image, text = (vectors(query_kind, 9, dimension, generator)[0] for dimension in (IMAGE, TEXT))
    media = code(images, texts, has_text, bases)

    (found,) = reach(media, kinds, [Probe(image, text, Weights(alpha, 1 - alpha), wanted, kind_of_media)])

    true = alpha * (unit_rows(images) @ unit_rows(image[None])[0])
    true += np.where(has_text, (1 - alpha) * (unit_rows(texts) @ unit_rows(text[None])[0]), 0.0)
    part = np.flatnonzero(kinds & kind_of_media == kind_of_media)
    assert found is not None
    assert set(found.rows) <= set(part)
    left = np.setdiff1d(part, found.rows)
    assert (true[left] < found.floor).all()
    assert np.count_nonzero(true[part] >= found.floor) >= min(wanted, len(part))
    if len(part) <= wanted:
        assert len(left) == 0


def test_reach__many_orders_in_one_pass_find_what_each_finds_alone() -> None:
    generator = np.random.default_rng(4)
    images, texts = (vectors("few dimensions", 5_000, size, generator) for size in (IMAGE, TEXT))
    has_text = np.arange(5_000) < 4_000
    media = code(images, texts, has_text, learn(images[:900], texts[:900], 5_000))
    kinds = np.where(has_text, Kind.LIVE | Kind.WITH_TEXT, Kind.LIVE | Kind.WITHOUT_TEXT).astype(np.uint8)
    probes = [
        Probe(images[row], texts[row], Weights(alpha, 1 - alpha), wanted, kind)
        for row, (alpha, wanted, kind) in enumerate(
            product((0.0, 0.5, 1.0), (1, 40), (Kind.LIVE, Kind.LIVE | Kind.WITHOUT_TEXT))
        )
    ] + [Probe(images[7], None, Weights(1.0, 0.0), 3), Probe(None, texts[7], Weights(0.0, 1.0), 3)]
    together = reach(media, kinds, probes)
    for probe, found in zip(probes, together, strict=True):
        (alone,) = reach(media, kinds, [probe])
        assert found is not None
        assert alone is not None
        assert found.floor == alone.floor
        np.testing.assert_array_equal(found.rows, alone.rows)
        # Bounds that let all through would be true as well. At alpha 0 all media without text tie.
        if probe.weights.image or probe.kind == Kind.LIVE:
            assert len(found.rows) < probe.wanted + 60
    assert reach(media, kinds, []) == []


def test_reach__more_ties_than_can_be_measured() -> None:
    same = np.ones((20_000, 8), dtype=np.float32)
    media = code(same, same, np.ones(20_000, dtype=np.bool_), learn(same[:100], same[:100]))
    kinds = np.full(20_000, Kind.LIVE, dtype=np.uint8)
    other = Probe(same[0], None, Weights(1.0, 0.0), 1, Kind.LIVE | Kind.WITH_TEXT)
    tied, none = reach(media, kinds, [Probe(same[0], same[0], Weights(0.5, 0.5), 10), other])
    assert tied is None
    assert none is not None
    assert len(none.rows) == 0
    assert none.floor == -np.inf


# Where a code or a length is all that separates a picture from the best: what each bound is made of.
STAGES = ("head lost", "head rest", "middle lost", "middle rest", "end lost")


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_reach__a_bound_is_reached(stage: str, side: int, seed: int) -> None:
    """The best media item has a product that its bound allows just so, and a rival that is known to nearly as much."""
    dimension, head, middle = 64, 16, 16
    generator = np.random.default_rng(seed)
    # All its numbers are of one size, so that the rival's codes lose nothing.
    basis = Basis.of(np.eye(dimension), head, middle, 1.0)
    best = unit_rows(generator.uniform(-1, 1, (1, dimension)))
    end = {"head": head, "middle": head + middle, "end": dimension}[stage.split(maxsplit=1)[0]]
    query = np.zeros(dimension)
    if stage.endswith("lost"):
        query[:end] = lost(best[0], basis)[:end]
        query /= np.linalg.norm(query)
    else:
        query[end:] = 0.3 * best[0, end:] / np.linalg.norm(best[0, end:])
        across = generator.normal(size=end)
        across -= (across @ best[0, :end]) / (best[0, :end] @ best[0, :end]) * best[0, :end]
        query[:end] = np.sqrt(1 - 0.3**2) * across / np.linalg.norm(across)
    query = query.astype(np.float32).astype(np.float64)
    signs = generator.choice([-1 / 8, 1 / 8], (200_000, dimension))
    behind = float(best[0] @ query) - signs @ query
    nearest = int(np.argmin(np.where(behind > 1e-4, behind, np.inf)))
    assert behind[nearest] < 3e-4, "a rival"
    rows = np.concatenate([signs[nearest : nearest + 1], best]).astype(np.float32)
    other = vectors("normal", 2, 24, generator)
    # Its heads do not count in the scale that both sides share.
    plain = Basis.of(np.eye(24), 16, 8, 1e6)
    pair, bases = ((rows, other), (basis, plain)) if side == 0 else ((other, rows), (plain, basis))
    media = code(*pair, np.ones(2, dtype=np.bool_), bases)
    asked = query.astype(np.float32)
    probe = Probe(asked, None, Weights(1.0, 0.0), 1) if side == 0 else Probe(None, asked, Weights(0.0, 1.0), 1)
    (found,) = reach(media, np.full(2, Kind.LIVE, dtype=np.uint8), [probe])
    assert found is not None
    assert 1 in found.rows


def lost(unit: NDArray[np.float64], basis: Basis) -> NDArray[np.float64]:
    """What the codes of a vector lose, in a basis that does not rotate."""
    found = np.empty(len(unit))
    ends = [0, basis.head, basis.head + basis.middle, len(unit)]
    for begin, end in pairwise(ends):
        part = unit[begin:end]
        scale = float(np.float32(np.abs(part).max() / 127))
        found[begin:end] = part - np.clip(np.rint(part / scale), -127, 127) * scale
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", [0, 1])
def test_measure_side__within_its_bound(kind: str, side: int) -> None:
    generator = np.random.default_rng(9)
    images, texts = (vectors(kind, 500, size, generator) for size in (IMAGE, TEXT))
    media = code(images, texts, np.ones(500, dtype=np.bool_), learn(images[:200], texts[:200]))
    rows = (images, texts)[side]
    for query in [*vectors("normal", 5, rows.shape[1], generator), *rows[:3]]:
        about, off = measure_side(media, side, query)
        true = unit_rows(rows) @ unit_rows(query[None])[0]
        assert (np.abs(about - true) <= off).all()
        assert np.median(off) < 0.02 or kind == "spikes"


def test_media__rows_are_kept_when_there_is_more_room() -> None:
    generator = np.random.default_rng(2)
    images, texts = (vectors("normal", 4_200, size, generator) for size in (IMAGE, TEXT))
    media = CodedMedia.empty(4_203, learn(images[:200], texts[:200]))
    media.write(3, images, texts)
    larger = media.grown(5_000)
    for side, rows in enumerate((images, texts)):
        about, _ = measure_side(larger, side, rows[4_150])
        assert int(about.argmax()) == 4_153
        for ours, theirs in zip(
            measure_side(larger.first(4_203), side, rows[9]), measure_side(media, side, rows[9]), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        # Rows that are not written yet.
        assert not about[:3].any()
        assert not about[4_203:].any()


def test_media__no_direction() -> None:
    media = CodedMedia.empty(1, learn(np.ones((1, 4), dtype=np.float32), np.ones((1, 4), dtype=np.float32)))
    with pytest.raises(InvalidVector):
        media.write(0, np.zeros((1, 4), dtype=np.float32), None)


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="the instruction is one of x86")
def test_kernel__counts_in_32_bits() -> None:
    """Counting in 64 is right as well, and takes two and a half times as long."""
    products = numba.njit(nogil=True)(cast("Any", add_products).py_func)
    products(np.zeros((1, 64), dtype=np.int8), np.zeros(64, dtype=np.int16), np.zeros(1, dtype=np.int32))
    (machine_code,) = products.inspect_asm().values()
    assert "pmaddwd" in machine_code or "pdpwssd" in machine_code
    assert "pmuldq" not in machine_code


def test_basis__the_head_follows_the_library() -> None:
    """Short where a few dimensions say most, all where none says more than another."""
    generator = np.random.default_rng(6)
    few = Basis.learn(vectors("few dimensions", 4_000, 256, generator), 256, 100_000)
    all_alike = Basis.learn(vectors("normal", 4_000, 256, generator), 256, 100_000)
    assert few.head == 32
    assert all_alike.head + all_alike.middle == 256
    assert max(few.skew, all_alike.skew) < 1e-10
    np.testing.assert_allclose(few.rotation @ few.rotation.T, np.eye(256), atol=1e-12)
