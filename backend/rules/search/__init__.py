"""Rules of fused search: legs, calibration, fusion, bounds and diversity."""

from backend.rules.search.alpha import BestPlace, best_place, envelope
from backend.rules.search.backgrounds import Backgrounds, Centre
from backend.rules.search.basis import BASIS_SAMPLE, Basis
from backend.rules.search.calibration import LEAST_SAMPLE, surprise_of
from backend.rules.search.cascade import BOUND_BYTES, CodedMedia, Kind, Probe, Reached, measure_side, reach
from backend.rules.search.contenders import Order, Rows, Side, Stretch, Weights, every_alpha
from backend.rules.search.diversity import SimilarityBetween, between_sides, diversify, unit_range
from backend.rules.search.efforts import BestValues, learn_effort
from backend.rules.search.examples import Example, Query, combine
from backend.rules.search.filters import Filters
from backend.rules.search.fusion import Fused, FusionMethod, fuse, rank
from backend.rules.search.legs import Vector, check_count, check_fraction, weighted_sum
from backend.rules.search.paging import LastHit, read_last_hit, write_last_hit
from backend.rules.search.relevance import Verdict, judge
from backend.rules.search.repeats import find_repeats, weigh_repeats

__all__ = [
    "BASIS_SAMPLE",
    "BOUND_BYTES",
    "LEAST_SAMPLE",
    "Backgrounds",
    "Basis",
    "BestPlace",
    "BestValues",
    "Centre",
    "CodedMedia",
    "Example",
    "Filters",
    "Fused",
    "FusionMethod",
    "Kind",
    "LastHit",
    "Order",
    "Probe",
    "Query",
    "Reached",
    "Rows",
    "Side",
    "SimilarityBetween",
    "Stretch",
    "Vector",
    "Verdict",
    "Weights",
    "best_place",
    "between_sides",
    "check_count",
    "check_fraction",
    "combine",
    "diversify",
    "envelope",
    "every_alpha",
    "find_repeats",
    "fuse",
    "judge",
    "learn_effort",
    "measure_side",
    "rank",
    "reach",
    "read_last_hit",
    "surprise_of",
    "unit_range",
    "weigh_repeats",
    "weighted_sum",
    "write_last_hit",
]
