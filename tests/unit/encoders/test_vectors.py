import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backend.encoders import normalise_rows, require_unit_vectors
from backend.errors import InvalidVector


def test_normalise_rows__length_and_direction() -> None:
    unit = normalise_rows([[3.0, 4.0], [0.0, -2.0]])

    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0.0, -1.0]], atol=1e-7)


@given(
    arrays(np.float64, (3, 5), elements=st.floats(-10, 10)).filter(lambda rows: (np.abs(rows).max(axis=1) > 0.01).all())
)
def test_normalise_rows__unit_whatever_the_values(rows: np.ndarray) -> None:
    unit = normalise_rows(rows)

    np.testing.assert_allclose(np.linalg.norm(unit.astype(np.float64), axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e200, 1e308])
def test_normalise_rows__neither_overflows_nor_vanishes(size: float) -> None:
    np.testing.assert_allclose(normalise_rows([[size, size]]), [[2**-0.5, 2**-0.5]], atol=1e-6)


def test_normalise_rows__no_rows() -> None:
    assert normalise_rows(np.empty((0, 4))).shape == (0, 4)


@pytest.mark.parametrize("bad", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], [-np.inf, 0.0]])
def test_normalise_rows__names_the_row_without_direction(bad: list[float]) -> None:
    with pytest.raises(InvalidVector, match="Vector 1 "):
        normalise_rows([[1.0, 0.0], bad])


@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (1, 2, 3)])
def test_normalise_rows__not_rows_of_vectors(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidVector):
        normalise_rows(np.ones(shape))


def test_require_unit_vectors__one_or_many() -> None:
    assert require_unit_vectors([0.6, 0.8], 2).shape == (2,)
    assert require_unit_vectors([[0.6, 0.8], [1.0, 0.0]], 2).dtype == np.float32


def test_require_unit_vectors__accepts_half_precision() -> None:
    unit = normalise_rows(np.random.default_rng(0).normal(size=(20, 512)))

    require_unit_vectors(unit.astype(np.float16), 512)


@pytest.mark.parametrize("bad", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], [0.6, 0.7], [2.0, 0.0]])
def test_require_unit_vectors__not_unit(bad: list[float]) -> None:
    with pytest.raises(InvalidVector, match="Vector 1 "):
        require_unit_vectors([[1.0, 0.0], bad], 2)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (), (1, 1, 2)])
def test_require_unit_vectors__wrong_dimension(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidVector, match="2 dimensions"):
        require_unit_vectors(np.ones(shape), 2)
