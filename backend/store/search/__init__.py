"""Queries for search candidates: by index, by computing all, and by vectors in memory; and calls of the public SQL functions."""

from backend.store.search.backgrounds import (
    SampledMedia,
    find_background,
    lock_background,
    record_background,
    sample_media,
)
from backend.store.search.candidates import (
    Limits,
    Matching,
    Nomination,
    QueryVectors,
    count_about,
    count_matching,
    estimate_matching,
    match,
    match_media,
    nearest_captions_exactly,
    nearest_exactly,
    nominate_by_index,
    nominate_captions,
)
from backend.store.search.functions import MediaMatch, search_media, similar_media
from backend.store.search.listing import MediaOrder, Place, list_media, place_of
from backend.store.search.policy import SEARCH_POLICY
from backend.store.search.scan import ScanView, VectorScan, bytes_for, id_keys
from backend.store.search.scan_keeper import LEAST_MEDIA, ScanFigures, ScanKeeper, ScanState
from backend.store.search.scan_pass import ScanAnswer, ScanQuestion
from backend.store.search.scans import copy_vectors, count_vectors, measure_media

__all__ = [
    "LEAST_MEDIA",
    "SEARCH_POLICY",
    "Limits",
    "Matching",
    "MediaMatch",
    "MediaOrder",
    "Nomination",
    "Place",
    "QueryVectors",
    "SampledMedia",
    "ScanAnswer",
    "ScanFigures",
    "ScanKeeper",
    "ScanQuestion",
    "ScanState",
    "ScanView",
    "VectorScan",
    "bytes_for",
    "copy_vectors",
    "count_about",
    "count_matching",
    "count_vectors",
    "estimate_matching",
    "find_background",
    "id_keys",
    "list_media",
    "lock_background",
    "match",
    "match_media",
    "measure_media",
    "nearest_captions_exactly",
    "nearest_exactly",
    "nominate_by_index",
    "nominate_captions",
    "place_of",
    "record_background",
    "sample_media",
    "search_media",
    "similar_media",
]
