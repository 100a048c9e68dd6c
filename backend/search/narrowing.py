"""Filters as SQL on `media`, with psycopg placeholders."""

import uuid
from collections.abc import Sequence
from typing import Any

from backend.search.filters import Filters

_CLAUSES = {
    "cluster_ids": "EXISTS (SELECT FROM membership WHERE membership.media_id = media.id "
    "AND membership.cluster_id = ANY(%(cluster_ids)s))",
    "keywords_any": "EXISTS (SELECT FROM unnest(media.keywords) keyword WHERE lower(keyword) = ANY(%(keywords_any)s))",
    "keywords_all": "ARRAY(SELECT lower(keyword) FROM unnest(media.keywords) keyword) @> %(keywords_all)s::text[]",
    "taken_from": "media.taken_at >= %(taken_from)s",
    "taken_until": "media.taken_at <= %(taken_until)s",
    "location": "strpos(lower(media.location), lower(%(location)s)) > 0",
    "mime": "media.mime = ANY(%(mime)s)",
    "source": "media.source = ANY(%(source)s)",
}


def narrowing(filters: Filters, exclude: Sequence[uuid.UUID] = ()) -> tuple[str, dict[str, Any]]:
    """A condition on `media` and its parameters; `true` where nothing is narrowed."""
    parameters = {name: _parameter(name, value) for name, value in vars(filters).items() if value}
    clauses = [_CLAUSES[name] for name in parameters]
    if exclude:
        clauses.append("media.id <> ALL(%(exclude)s)")
        parameters["exclude"] = list(exclude)
    return " AND ".join(clauses) or "true", parameters


def _parameter(name: str, value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return [one.strip().lower() for one in value] if name.startswith("keywords") else list(value)
