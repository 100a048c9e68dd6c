"""Search by text, by a dropped picture, or by both, with filters, and with the score of each encoder."""

import hashlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile

from backend.bounds import ALPHA, ID
from backend.errors import InvalidQuery
from backend.features.search import Answer, Hit, HitOrder, SearchQuery
from backend.rules.dates import read_begin, read_end
from backend.rules.search import Filters
from backend.store.media import Picture, list_pictures
from backend.web.api.dependencies import ServicesDependency
from backend.web.middleware.rate_limit import SEARCHES, limited
from backend.web.middleware.turns import TurnDependency
from backend.web.pages.searching import make_searcher
from backend.web.pages.templating import render

router = APIRouter()

_HITS_A_PAGE = 36
_ORDERS = {
    HitOrder.RELEVANCE: "Best first",
    HitOrder.TAKEN_NEWEST: "Newest first",
    HitOrder.TAKEN_OLDEST: "Oldest first",
}
_ID_DIGITS = len(str(ID.high))


@dataclass(frozen=True)
class SearchFields:
    """Fields of the search, as form fields and query parameters. An empty field does not filter."""

    q: Annotated[str, Form()] = ""
    alpha: Annotated[float | None, Form(ge=ALPHA.low, le=ALPHA.high)] = None
    group: Annotated[str, Form()] = ""
    keywords: Annotated[str, Form()] = ""
    location: Annotated[str, Form()] = ""
    taken_from: Annotated[str, Form()] = ""
    taken_until: Annotated[str, Form()] = ""
    order_by: Annotated[HitOrder, Form()] = HitOrder.RELEVANCE
    cursor: Annotated[str | None, Form()] = None

    def query(self, pictures: tuple[bytes, ...]) -> SearchQuery:
        """The query. Raises InvalidQuery for an invalid group or date."""
        return SearchQuery(
            words=self.q,
            pictures=pictures,
            k=_HITS_A_PAGE,
            alpha=self.alpha,
            order_by=self.order_by,
            cursor=self.cursor,
            filters=Filters(
                cluster_ids=_read_group(self.group),
                keywords_any=tuple(word.strip() for word in self.keywords.split(",") if word.strip()),
                location=self.location.strip(),
                taken_from=read_begin(self.taken_from, "taken_from"),
                taken_until=read_end(self.taken_until, "taken_until"),
            ),
        )


@dataclass(frozen=True)
class FoundMedia:
    """A hit with its thumbnail."""

    hit: Hit
    picture: Picture


@router.get("/search")
def show_search(
    request: Request,
    services: ServicesDependency,
    q: str = "",
    alpha: float | None = None,
    group: str = "",
    keywords: str = "",
    location: str = "",
    taken_from: str = "",
    taken_until: str = "",
    order_by: HitOrder = HitOrder.RELEVANCE,
) -> Response:
    """Show the page. The hits are a request of their own, because the first one may have to load models."""
    asked = SearchFields(q.strip(), alpha, group, keywords, location, taken_from, taken_until, order_by)
    return render(
        request, "search.html", active="search", asked=asked, orders=_ORDERS, default_alpha=services.read_alpha()
    )


@router.post("/search/hits")
@limited(SEARCHES)
def show_hits(
    request: Request,
    services: ServicesDependency,
    _turn: TurnDependency,
    asked: Annotated[SearchFields, Depends()],
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Show a page of hits. A dropped picture is not stored unless its hits are judged; the page then sends it again."""
    data = b"" if file is None else file.file.read(services.settings.max_body_bytes + 1)
    if not (asked.q.strip() or data):
        return render(request, "partials/search_start.html")
    query = asked.query((data,) if data else ())
    answer = make_searcher(services).search(query)
    return render(
        request,
        "partials/more_hits.html" if asked.cursor else "partials/search_hits.html",
        answer=answer,
        by_date=query.order_by is not HitOrder.RELEVANCE,
        is_filtered=not query.filters.is_empty,
        picture=hashlib.sha256(data).hexdigest() if data else None,
        found=_found(services, answer),
    )


def _found(services: ServicesDependency, answer: Answer) -> list[FoundMedia]:
    with services.database.transaction() as session:
        pictures = list_pictures(session, [hit.media_id for hit in answer.hits])
    return [FoundMedia(hit, pictures[hit.media_id]) for hit in answer.hits if hit.media_id in pictures]


def _read_group(value: str) -> tuple[int, ...]:
    number = value.strip()
    if not number:
        return ()
    # int() refuses long numbers, and the database those beyond eight bytes.
    if not number.isdecimal() or len(number) > _ID_DIGITS or int(number) not in ID:
        raise InvalidQuery(f"'{number[:40]}' is not a group number.", hint="Give the number of a group.", field="group")
    return (int(number),)
