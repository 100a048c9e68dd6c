"""The best of an order are always among the rows that its bounds have measured."""

import numpy as np
import pytest

from backend.rules.search import Order, Weights, every_alpha


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
