"""Search queries and their validation."""

import hashlib
import json
import math
import uuid
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar
from unicodedata import normalize

from backend.bounds import ALPHA, COSINE, DIVERSITY, HITS, ID, QUERY_CHARACTERS, Range
from backend.errors import InvalidQuery
from backend.features.search.background_samples import BackgroundKind
from backend.features.search.candidates import Effort
from backend.rules.search import Filters, FusionMethod

_MOST_EXAMPLES = 50
_MOST_VALUES = 100
# What examples are called where they are asked for.
_FIELDS = {
    "media_ids": "media_id",
    "pictures": "file",
    "not_words": "not_words",
    "not_media_ids": "not_media_id",
    "not_pictures": "not_file",
}
_Choice = TypeVar("_Choice", bound=StrEnum)


class HitOrder(StrEnum):
    """Orders of hits. Those by date have hits without one last; a date known by the year, month or day only counts as its beginning."""

    RELEVANCE = "relevance"
    TAKEN_NEWEST = "taken_newest"
    TAKEN_OLDEST = "taken_oldest"


class Find(StrEnum):
    """What to search: `media` are pictures with their text, `captions` the texts nearest to a picture."""

    MEDIA = "media"
    CAPTIONS = "captions"


@dataclass(frozen=True)
class SearchQuery:
    """A search query. Text, stored pictures and uploaded pictures (bytes, not stored) can be combined.

    Text alone is searched on both legs. With a picture, text is searched on the text leg and the picture on the image leg.

    Attributes:
        words: text to find.
        not_words: texts to avoid.
        media_ids: stored pictures that hits should resemble.
        pictures: uploaded pictures that hits should resemble.
        not_media_ids: stored pictures that hits should not resemble.
        not_pictures: uploaded pictures that hits should not resemble.
        find: what to search.
        k: hits per page.
        alpha: weight of the image similarity, None for the configured one. Always 1 for pictures alone.
        method: how similarities are combined. None means calibrated for text, raw otherwise.
        filters: conditions on the hits.
        order_by: the order of hits. An order by date is of those that stand out or, with `min_similarity`, of those that reach it.
        min_similarity: smallest alpha * sim_image + (1 - alpha) * sim_text.
        diversity: 0 ranks by relevance only, 1 by difference only.
        effort: how thoroughly to search.
        cursor: where the previous page ended.
    """

    words: str = ""
    not_words: tuple[str, ...] = ()
    media_ids: tuple[uuid.UUID, ...] = ()
    pictures: tuple[bytes, ...] = ()
    not_media_ids: tuple[uuid.UUID, ...] = ()
    not_pictures: tuple[bytes, ...] = ()
    find: Find = Find.MEDIA
    k: int = 10
    alpha: float | None = None
    method: FusionMethod | None = None
    filters: Filters = field(default_factory=Filters)
    order_by: HitOrder = HitOrder.RELEVANCE
    min_similarity: float | None = None
    diversity: float = 0.0
    effort: Effort = Effort.FAST
    cursor: str | None = None

    @property
    def is_visual(self) -> bool:
        """Whether pictures determine the image leg."""
        return bool(self.media_ids or self.pictures)

    @property
    def background_kind(self) -> BackgroundKind:
        if self.find is Find.CAPTIONS:
            return BackgroundKind.CAPTIONS
        return BackgroundKind.MEDIA if self.is_visual else BackgroundKind.WORDS

    @property
    def wanted_method(self) -> FusionMethod:
        return self.method or (FusionMethod.CALIBRATED if self.words else FusionMethod.RAW)

    def digest(self) -> str:
        """Hash of everything that the order of hits depends on, for cursors."""
        described = {
            field.name: _describe(getattr(self, field.name))
            for field in fields(self)
            if field.name not in {"cursor", "k"}
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()[:16]


def make_query(
    *, find: str, method: str | None, effort: str, order_by: str = HitOrder.RELEVANCE.value, **rest: Any
) -> SearchQuery:
    """Make a query from choices given as text. Raises InvalidQuery for an unknown choice."""
    return SearchQuery(
        find=_choice("find", Find, find),
        method=None if method is None else _choice("method", FusionMethod, method),
        effort=_choice("effort", Effort, effort),
        order_by=_choice("order_by", HitOrder, order_by),
        **rest,
    )


def checked(query: SearchQuery) -> SearchQuery:
    """Validate a query. Trims its text and composes accents (NFC), and sets alpha to 1 for pictures alone.

    Raises:
        InvalidQuery: the query is invalid. `field` names the parameter.
    """
    query = replace(
        query,
        # In the Unicode form of stored texts, since tokenizers tell forms apart.
        words=normalize("NFC", query.words.strip()),
        not_words=tuple(normalize("NFC", words.strip()) for words in query.not_words),
    )
    _check_range("alpha", query.alpha, ALPHA)
    _check_examples(query)
    _check_text("q", query.words, QUERY_CHARACTERS.high)
    _require(query.k in HITS, "k", f"k is {query.k}.", f"Choose k from {HITS.low} to {HITS.high}.")
    _check_range("diversity", query.diversity, DIVERSITY)
    _check_range("min_similarity", query.min_similarity, COSINE)
    _require(
        query.diversity == 0 or query.order_by is HitOrder.RELEVANCE,
        "diversity",
        "Hits cannot be in order of date and of difference.",
        "Omit diversity, or order by relevance.",
    )
    return replace(
        query, filters=checked_filters(query.filters), alpha=1.0 if _asks_pictures_alone(query) else query.alpha
    )


def _asks_pictures_alone(query: SearchQuery) -> bool:
    """Whether nothing can be searched on the text leg, so that the image leg has all the weight."""
    return query.find is Find.CAPTIONS or not (query.words or query.media_ids)


def _check_examples(query: SearchQuery) -> None:
    if not (query.words or query.is_visual):
        unwanted = bool(query.not_words or query.not_media_ids or query.not_pictures)
        _require(
            condition=False,
            field="q",
            detail="The query says what to avoid, but not what to find." if unwanted else "The query is empty.",
            hint="Give words (q), a media_id or a picture.",
        )
    for examples, name in _FIELDS.items():
        count = len(getattr(query, examples))
        _require(count <= _MOST_EXAMPLES, name, f"{count} examples.", f"Give at most {_MOST_EXAMPLES}.")
    for words in query.not_words:
        _require(bool(words), "not_words", "The text to avoid is empty.", "Omit it, or give some words.")
        _check_text("not_words", words, QUERY_CHARACTERS.high)
    if query.find is Find.CAPTIONS:
        _require(
            query.is_visual and not query.words,
            "find",
            "Captions are found for pictures, not for words.",
            "Give a media_id or a picture and no words, or search for pictures.",
        )


def checked_filters(filters: Filters) -> Filters:
    """Validate filters. Trims the location and gives dates without a zone that of UTC. Raises InvalidQuery."""
    for name in ("keywords_any", "keywords_all", "mime", "source"):
        values = getattr(filters, name)
        _require(len(values) <= _MOST_VALUES, name, f"{len(values)} values.", f"Give at most {_MOST_VALUES}.")
        for value in values:
            _require(bool(value.strip()), name, f"The filter {name} is empty.", "Omit the filter, or give a value.")
            _check_text(name, value, QUERY_CHARACTERS.high)
    _require(len(filters.cluster_ids) <= _MOST_VALUES, "cluster", "Too many groups.", f"Give at most {_MOST_VALUES}.")
    for cluster_id in filters.cluster_ids:
        _require(cluster_id in ID, "cluster", f"There is no group {cluster_id}.", "Use an id from /clusters.")
    _check_text("location", filters.location, QUERY_CHARACTERS.high)
    begin, end = _with_zone(filters.taken_from), _with_zone(filters.taken_until)
    if begin is not None and end is not None:
        _require(begin <= end, "taken_until", "taken_until is before taken_from.", "Swap them.")
    return replace(filters, taken_from=begin, taken_until=end, location=filters.location.strip())


def _with_zone(moment: datetime | None) -> datetime | None:
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _check_range(name: str, value: float | None, bounds: Range) -> None:
    fits = value is None or (math.isfinite(value) and value in bounds)
    _require(fits, name, f"{name} is {value}.", f"Choose {name} from {bounds.low} to {bounds.high}.")


def _check_text(name: str, value: str, most: int) -> None:
    _require(len(value) <= most, name, f"{name} has {len(value):,} characters.", f"Give at most {most:,}.")
    storable = "\0" not in value and not _has_surrogates(value)
    _require(storable, name, f"{name} contains invalid characters.", "Remove NUL and lone surrogates.")


def _has_surrogates(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)


def _require(condition: bool, field: str, detail: str, hint: str) -> None:
    if not condition:
        raise InvalidQuery(detail, hint=hint, field=field)


def _choice(field: str, choices: type[_Choice], value: str) -> _Choice:
    try:
        return choices(value)
    except ValueError:
        raise InvalidQuery(f"{field} is {value!r}.", hint=f"Choose one of {', '.join(choices)}.", field=field) from None


def _describe(value: Any) -> Any:
    if isinstance(value, tuple):
        return [hashlib.sha256(one).hexdigest() if isinstance(one, bytes) else str(one) for one in value]
    return str(value)
