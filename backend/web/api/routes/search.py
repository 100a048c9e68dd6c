"""Search by text, by uploaded pictures and by stored pictures."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope

from backend.errors import InvalidQuery
from backend.features.search import MOST_LISTED, QueryEncoder, Searcher, insight
from backend.features.services import Services
from backend.web.api.dependencies import ServicesDependency
from backend.web.api.schemas.search import AlphaAnswer, SearchAnswer, SearchForm, SearchInput
from backend.web.middleware.problems import documented
from backend.web.middleware.rate_limit import SEARCHES, limited
from backend.web.middleware.turns import TurnDependency

_PROBLEMS = documented(
    "malformed_request", "not_found", "conflict", "file_too_large", "invalid_query", "backend_unavailable"
)


class _SearchRoute(APIRoute):
    """Route that reports invalid parameters as `invalid_query`, 422, with the field."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise _as_invalid_query(error) from None

        return answer


class _FormRoute(_SearchRoute):
    """Route that accepts multipart forms only. Other bodies go to the next route with the same path."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        content_type = Headers(scope=scope).get("content-type", "") if scope["type"] == "http" else ""
        is_form = content_type.lower().startswith("multipart/form-data")
        return (match, child_scope) if is_form else (Match.NONE, {})


router = APIRouter(tags=["search"], route_class=_SearchRoute)
form_router = APIRouter(route_class=_FormRoute)


@router.get("/search", operation_id="search", summary="Search by text or stored pictures", responses=_PROBLEMS)
@limited(SEARCHES)
def search(services: ServicesDependency, asked: Annotated[SearchInput, Query()]) -> SearchAnswer:
    """A text query searches pictures by their looks (with the image model's text side) and by their text (with the text model)."""
    return SearchAnswer.of(_searcher(services).search(asked.query()))


@form_router.post("/search", operation_id="search_by_form", responses=_PROBLEMS)
@limited(SEARCHES)
def search_by_form(
    services: ServicesDependency, _turn: TurnDependency, asked: Annotated[SearchForm, Form()]
) -> SearchAnswer:
    most = services.settings.max_body_bytes
    query = asked.query(_read(asked.file, most), _read(asked.not_file, most))
    return SearchAnswer.of(_searcher(services).search(query))


router.include_router(form_router)


@router.post(
    "/search",
    operation_id="search_by_body",
    summary="Search by text, stored pictures and uploaded pictures",
    responses=_PROBLEMS,
    openapi_extra={
        "requestBody": {"content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/SearchForm"}}}}
    },
)
@limited(SEARCHES)
def search_by_body(services: ServicesDependency, asked: SearchInput) -> SearchAnswer:
    """Like `GET /search`, with a JSON object or a multipart form. A form may contain pictures to search with; they are not stored."""
    return SearchAnswer.of(_searcher(services).search(asked.query()))


@router.get(
    "/media/{media_id}/alpha",
    operation_id="get_alpha_insight",
    summary="Get what each alpha finds for one picture",
    responses=_PROBLEMS,
)
def get_alpha_insight(
    services: ServicesDependency,
    media_id: UUID,
    k: Annotated[int, Query(ge=1, le=MOST_LISTED, description="Number of results at each alpha.")] = 3,
) -> AlphaAnswer:
    """Ranked by alpha * sim_image + (1 - alpha) * sim_text. Exact if the server keeps the vectors in memory or if there are
    at most 5,000; otherwise among the nearest 100 at each of five alphas."""
    with services.database.transaction() as session:
        return AlphaAnswer.of(media_id, k, insight(session, media_id, k, services.vectors))


def _searcher(services: Services) -> Searcher:
    encoder = QueryEncoder(services.query_encoders, services.limits, services.decoders)
    return Searcher(services.database, encoder, services.settings.alpha, services.vectors)


def _read(files: list[UploadFile], most_bytes: int) -> tuple[bytes, ...]:
    # One byte over the limit is enough to tell that the file is too large.
    return tuple(file.file.read(most_bytes + 1) for file in files)


def _as_invalid_query(error: RequestValidationError) -> InvalidQuery:
    mistakes = [
        {"where": ".".join(map(str, item["loc"][1:])) or "body", "message": item["msg"]} for item in error.errors()
    ]
    return InvalidQuery(
        "; ".join(f"{mistake['where']}: {mistake['message']}" for mistake in mistakes),
        hint="See /docs for the query parameters.",
        field=mistakes[0]["where"].partition(".")[0],
        mistakes=mistakes,
    )
