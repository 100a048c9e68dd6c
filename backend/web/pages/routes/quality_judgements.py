"""The list of judgements, to review and withdraw them."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from backend.bounds import QUERY_CHARACTERS
from backend.errors import NotFound
from backend.features.review import list_newest, withdraw_judgements
from backend.features.services import Services
from backend.files.formats import mime_of
from backend.store.media import Picture, list_pictures
from backend.store.review import JudgementFilter, QueryKind, checksum_in, find_picture, words_in
from backend.store.schema import Judgement
from backend.web.api.cursors import write_cursor
from backend.web.api.dependencies import ServicesDependency
from backend.web.api.review_cursors import read_judgement_key
from backend.web.pages.routes.curation import CuratorDependency
from backend.web.pages.templating import link, render

router = APIRouter()

_ROWS_A_PAGE = 40


@dataclass(frozen=True)
class Row:
    """A judgement with its hit and query.

    Attributes:
        said: the judgement.
        hit: the picture that was judged.
        words: text of the query, '' if none.
        asked: stored picture of the query, None if none.
        dropped: checksum (hex) of the dropped picture of the query, None if none.
    """

    said: Judgement
    hit: Picture
    words: str
    asked: Picture | None
    dropped: str | None


@dataclass(frozen=True)
class JudgementFields:
    """Filters of the list, as form fields and query parameters. An empty field does not filter."""

    q: Annotated[str, Query(max_length=500)] = ""
    kind: Annotated[str, Query(max_length=20)] = ""
    verdict: Annotated[str, Query(max_length=20)] = ""
    cursor: Annotated[str, Query(max_length=6_000)] = ""

    def filter(self) -> JudgementFilter:
        kind = QueryKind(self.kind) if self.kind in list(QueryKind) else None
        is_right = {"right": True, "wrong": False}.get(self.verdict)
        return JudgementFilter(kind, self.q.replace("\0", "").strip() or None, None, is_right)


@router.get("/quality/judgements")
def show_judgements(
    request: Request, services: ServicesDependency, asked: Annotated[JudgementFields, Depends()]
) -> Response:
    return _render(request, services, asked, "quality_judgements.html")


@router.get("/quality/judgements/rows")
def show_judgement_rows(
    request: Request, services: ServicesDependency, asked: Annotated[JudgementFields, Depends()]
) -> Response:
    """Show a page of rows: the next page, or the first one after a change of filter."""
    template = "partials/judgement_rows.html" if asked.cursor else "partials/judgement_list.html"
    return _render(request, services, asked, template)


@router.post("/quality/judgements/take-back")
def do_take_back(
    services: ServicesDependency,
    actor: CuratorDependency,
    kind: Annotated[QueryKind, Form()],
    query: Annotated[str, Form(max_length=QUERY_CHARACTERS.high)],
    media_id: Annotated[UUID, Form()],
) -> Response:
    """Withdraw a judgement. The page removes its row."""
    withdraw_judgements(services, [(kind, query, media_id)], actor=actor)
    return Response(status_code=200)


@router.get("/judgements/pictures/{sha256}")
def get_judged_picture(services: ServicesDependency, sha256: str) -> Response:
    """Download a dropped picture whose hits were judged."""
    try:
        checksum = bytes.fromhex(sha256)
    except ValueError:
        checksum = b""
    with services.database.transaction() as session:
        content = find_picture(session, checksum)
    if content is None:
        raise NotFound(
            "This query picture is not stored.", hint="A query picture is deleted once none of its hits is judged."
        )
    return Response(content, media_type=mime_of(content), headers={"Cache-Control": "private, max-age=86400"})


def _render(request: Request, services: Services, asked: JudgementFields, template: str) -> Response:
    before = read_judgement_key(asked.cursor) if asked.cursor else None
    page, more = list_newest(services, asked.filter(), limit=_ROWS_A_PAGE, before=before)
    following = None
    if more is not None:
        cursor = write_cursor(more[0].isoformat(), *more[1:])
        following = link("/quality/judgements/rows", q=asked.q, kind=asked.kind, verdict=asked.verdict, cursor=cursor)
    return render(
        request,
        template,
        active="quality",
        asked=asked,
        rows=_with_pictures(services, page),
        following=following,
        is_filtered=bool(asked.q or asked.kind or asked.verdict),
    )


def _with_pictures(services: Services, page: list[Judgement]) -> list[Row]:
    ids = {one.media_id for one in page} | {one.query_media_id for one in page if one.query_media_id}
    with services.database.transaction() as session:
        pictures = list_pictures(session, sorted(ids))
    rows = []
    for one in page:
        kind = QueryKind(one.query_kind)
        words = one.query if kind is QueryKind.WORDS else words_in(one.query) if kind is QueryKind.PICTURE else ""
        dropped = checksum_in(one.query).hex() if kind is QueryKind.PICTURE else None
        asked = pictures.get(one.query_media_id) if one.query_media_id else None
        if one.media_id in pictures:  # otherwise it was deleted meanwhile, with the judgement
            rows.append(Row(one, pictures[one.media_id], words, asked, dropped))
    return rows
