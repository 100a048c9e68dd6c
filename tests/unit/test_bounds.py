"""Each bound that people meet is the one of `backend.bounds`."""

import typing
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from pydantic import BaseModel
from typer.models import OptionInfo

from backend.bounds import (
    ALPHA,
    COSINE,
    DIVERSITY,
    EDITED_CLUSTERS,
    EDITED_MEDIA,
    HITS,
    ID,
    LISTED,
    PAGE,
    SIMILAR,
    THRESHOLD,
    VERSIONS,
    Range,
)
from backend.cli.editing import list_command
from backend.cli.review import review
from backend.cli.search import similar
from backend.settings import Settings
from backend.store.schema import AlphaChoice, Base, ThresholdChoice
from backend.web.api.routes.clusters import get_one, list_page
from backend.web.api.routes.media import list_similar
from backend.web.api.schemas.curation import MergeInput, MoveInput
from backend.web.api.schemas.review import NearDuplicateDecisionInput
from backend.web.api.schemas.search import SearchInput
from backend.web.pages.routes.quality import Chosen
from backend.web.pages.routes.review_decisions import SaidOfVersions
from backend.web.pages.routes.search import SearchFields


def test_range__its_ends_and_its_condition() -> None:
    assert [value in Range(0, 1) for value in (-0.01, 0, 1, 1.01, float("nan"))] == [False, True, True, False, False]
    assert [value in Range(0, 1, is_open=True) for value in (0, 0.01, 1)] == [False, True, True]
    assert Range(2, 3, is_open=True).sql("k") == "k > 2 AND k <= 3"


def ends_of_field(model: type[BaseModel], name: str) -> list[object]:
    return [one for one in model.model_fields[name].metadata if isinstance(one, Ge | Gt | Le)]


def ends_of_parameter(function: object, name: str) -> Iterator[object]:
    for one in typing.get_type_hints(function, include_extras=True)[name].__metadata__:
        if isinstance(one, OptionInfo):
            yield from (Ge(one.min), Le(one.max))  # type: ignore[arg-type]
        else:
            yield from (end for end in one.metadata if isinstance(end, Ge | Gt | Le))


@pytest.mark.parametrize(
    ("found", "bound"),
    [
        (ends_of_field(Settings, "alpha"), ALPHA),
        (ends_of_field(SearchInput, "alpha"), ALPHA),
        (list(ends_of_parameter(list_similar, "alpha")), ALPHA),
        (list(ends_of_parameter(SearchFields, "alpha")), ALPHA),
        (list(ends_of_parameter(similar, "alpha")), ALPHA),
        (ends_of_field(Settings, "threshold"), THRESHOLD),
        (ends_of_field(Chosen, "threshold"), THRESHOLD),
        (list(ends_of_parameter(list_similar, "k")), SIMILAR),
        (list(ends_of_parameter(similar, "k")), SIMILAR),
        (ends_of_field(SearchInput, "diversity"), DIVERSITY),
        (ends_of_field(SearchInput, "min_similarity"), COSINE),
        (ends_of_field(SearchInput, "k"), HITS),
        (list(ends_of_parameter(list_page, "limit")), PAGE),
        (list(ends_of_parameter(get_one, "cluster_id")), ID),
        (list(ends_of_parameter(review, "limit")), LISTED),
        (list(ends_of_parameter(list_command, "limit")), LISTED),
    ],
)
def test_bounds__of_what_comes_in(found: list[object], bound: Range) -> None:
    assert found == [Gt(bound.low) if bound.is_open else Ge(bound.low), Le(bound.high)]


@pytest.mark.parametrize(
    ("model", "name", "bound"),
    [
        (MergeInput, "cluster_ids", EDITED_CLUSTERS),
        (MoveInput, "media_ids", EDITED_MEDIA),
        (NearDuplicateDecisionInput, "media_ids", VERSIONS),
        (SaidOfVersions, "media_ids", VERSIONS),
    ],
)
def test_bounds__of_lists_that_come_in(model: type[BaseModel], name: str, bound: Range) -> None:
    metadata = model.model_fields[name].metadata
    assert [one for one in metadata if isinstance(one, MinLen | MaxLen)] == [MinLen(bound.low), MaxLen(bound.high)]


@pytest.mark.parametrize(
    ("table", "column", "bound"), [(AlphaChoice, "alpha", ALPHA), (ThresholdChoice, "threshold", THRESHOLD)]
)
def test_bounds__of_what_is_stored(table: type[Base], column: str, bound: Range) -> None:
    conditions = [
        str(one.sqltext)
        for one in Base.metadata.tables[table.__tablename__].constraints
        if isinstance(one, sa.CheckConstraint)
    ]
    assert conditions == [bound.sql(column)]
