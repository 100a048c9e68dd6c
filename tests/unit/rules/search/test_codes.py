"""A cosine measured on codes is never further from the true one than its bound says."""

import platform

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from backend.errors import InvalidVector
from backend.rules.search import Codes, Order, Weights, every_alpha, measure
from backend.rules.search.kernel import scan_codes
from backend.vectors import unit_rows


def coded(vectors: NDArray[np.float32], begin: int = 0) -> Codes:
    codes = Codes.empty(begin + len(vectors), vectors.shape[1])
    codes.write(begin, vectors)
    return codes


def rows(kind: str, count: int, dimension: int) -> NDArray[np.float32]:
    generator = np.random.default_rng(dimension)
    if kind == "spikes":  # one number takes the whole scale, so that the others are lost
        found = generator.normal(size=(count, dimension)) * 0.003
        found[np.arange(count), generator.integers(dimension, size=count)] = 1.0
    elif kind == "equal":
        found = np.ones((count, dimension))
    elif kind == "halves":  # codes lie in the middle between two whole numbers
        found = (generator.integers(-127, 127, (count, dimension)) + 0.5) / 127
    else:
        found = generator.normal(size=(count, dimension))
    return np.asarray(found, dtype=np.float32)


@pytest.mark.parametrize("dimension", [1, 7, 384, 1024])
@pytest.mark.parametrize("kind", ["normal", "spikes", "equal", "halves"])
def test_measure__within_its_bound(kind: str, dimension: int) -> None:
    vectors = rows(kind, 500, dimension)
    codes = coded(vectors)
    for query in [*rows("normal", 5, dimension), *rows("spikes", 2, dimension), *vectors[:3]]:
        about, off = measure(codes, query)
        true = unit_rows(vectors) @ unit_rows(query[None])[0]
        assert (np.abs(about - true) <= off).all()
        # A bound that lets all through would be true as well.
        assert kind == "spikes" or dimension < 384 or off.max() < 0.02


def test_measure__the_bound_is_reached() -> None:
    """A query along what a row has lost is off by that much: a smaller bound would be wrong."""
    vectors = rows("normal", 50, 384)
    codes = coded(vectors)
    for row in range(50):
        lost = unit_rows(vectors)[row] - codes.codes[row].astype(np.float64) * codes.scales[row]
        about, off = measure(codes.first(row + 1), lost)
        error = abs(float(about[row]) - float(unit_rows(vectors)[row] @ unit_rows(lost[None])[0]))
        assert 0.9 * off[row] < error <= off[row]


def test_codes__rows_are_written_where_they_belong_and_kept_when_there_is_more_room() -> None:
    vectors = rows("normal", 4100, 8)
    codes = coded(vectors, begin=3)
    assert not codes.scales[:3].any()
    larger = codes.grown(5000)
    query = vectors[4099]
    assert int(measure(larger, query)[0].argmax()) == 3 + 4099
    np.testing.assert_array_equal(measure(larger.first(len(codes)), query)[0], measure(codes, query)[0])


def test_codes__no_direction() -> None:
    with pytest.raises(InvalidVector):
        coded(np.zeros((1, 4), dtype=np.float32))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("losable", [0, 3, None])
def test_order__the_best_are_always_among_those_measured(alpha: float, losable: int | None) -> None:
    """Whichever rows turn out not to count, as many as may be."""
    generator = np.random.default_rng(5)
    weights = Weights(alpha, 1 - alpha)
    for wanted in (1, 7, 199, 300):
        true = generator.normal(size=(2, 200))
        off = np.abs(generator.normal(size=(2, 200), scale=0.2)).astype(np.float32)
        about = (true + generator.uniform(-1, 1, (2, 200)) * off * 0.99).astype(np.float32)
        takes_part = generator.random(200) < 0.9
        order = Order.over(weights, wanted, ((about[0], off[0]), (about[1], off[1])), takes_part, losable=losable)
        counts = np.ones(200, dtype=np.bool_)
        counts[generator.choice(200, losable if losable is not None else 90, replace=False)] = False
        measured = np.zeros(200, dtype=np.bool_)
        while len(rows := order.contenders(measured, 20)):
            measured[rows] = True
            found = np.flatnonzero(measured & counts)
            order.learn(found, true[0, found], true[1, found])
        values = np.where(counts & takes_part, weights.of(true[0], true[1]), -np.inf)
        best = np.argsort(-values)[:wanted]
        assert measured[best[values[best] > -np.inf]].all()
        assert wanted > 7 or losable is None or not measured.all()


@pytest.mark.parametrize("gone", [0, 3, 120])
@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_every_alpha__the_best_are_always_among_those_measured(correlation: float, gone: int) -> None:
    """At 201 alphas, of which but nine are ends of a stretch, and if more rows turn out not to count than were expected."""
    generator = np.random.default_rng(gone)
    for wanted in (1, 7, 40):
        image, text = generator.normal(size=(2, 400))
        true = np.stack([image, correlation * image + (1 - correlation) * text])
        off = np.abs(generator.normal(size=(2, 400), scale=0.05)).astype(np.float32)
        about = (true + generator.uniform(-1, 1, (2, 400)) * off * 0.99).astype(np.float32)
        takes_part = generator.random(400) < 0.9
        counts = np.ones(400, dtype=np.bool_)
        # Those that look best, so that many have to take their places.
        counts[np.argsort(-about.sum(axis=0))[:gone]] = False
        orders = every_alpha(wanted, ((about[0], off[0]), (about[1], off[1])), takes_part, losable=3)
        measured = np.zeros(400, dtype=np.bool_)
        while len(rows := np.unique(np.concatenate([order.contenders(measured, 400) for order in orders]))):
            measured[rows] = True
            found = np.flatnonzero(measured & counts)
            for order in orders:
                order.learn(found, true[0, found], true[1, found])
        for alpha in np.linspace(0, 1, 201):
            values = np.where(counts & takes_part, alpha * true[0] + (1 - alpha) * true[1], -np.inf)
            assert measured[np.argsort(-values)[:wanted]].all()
        assert gone > 3 or np.count_nonzero(measured) < 300


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="the instruction is one of x86")
def test_kernel__counts_in_32_bits() -> None:
    """Counting in 64 is right as well, and takes two and a half times as long."""
    kernel = numba.njit(nogil=True)(scan_codes)
    ones = np.ones(1, dtype=np.float32)
    kernel(np.zeros((1, 64), dtype=np.int8), ones, np.zeros(64, dtype=np.int16), np.float32(1), ones.copy(), 0, 1)
    (machine_code,) = kernel.inspect_asm().values()
    assert "pmaddwd" in machine_code
    assert "pmuldq" not in machine_code
