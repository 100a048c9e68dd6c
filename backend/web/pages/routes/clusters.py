"""The wall of groups: pages of cards, search results, and the number of new groups."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from backend.bounds import ID
from backend.features.services import Services
from backend.store.groups import (
    ClusterCard,
    WallCounts,
    WallFilter,
    WallSort,
    count_newer,
    count_wall,
    list_cards,
    sort_key_of,
)
from backend.web.api.cursors import read_cursor, write_cursor
from backend.web.api.dependencies import Cursor, ServicesDependency
from backend.web.pages.templating import link, render

router = APIRouter()

CARDS_A_PAGE = 48
SORT_LABELS = {
    WallSort.LARGEST: "Largest",
    WallSort.NEWEST: "Newest",
    WallSort.LEAST_COHERENT: "Least coherent",
    WallSort.LABEL: "Label",
}
# Types of the parts of each order's cursor.
_KEYS: dict[WallSort, tuple[type, ...]] = {
    WallSort.LARGEST: (int, int),
    WallSort.NEWEST: (int,),
    WallSort.LEAST_COHERENT: (float, int),
    WallSort.LABEL: (str, int),
}


@dataclass(frozen=True)
class WallQuery:
    """Query parameters of a wall."""

    sort: WallSort = WallSort.LARGEST
    locked: bool = False
    no_singles: bool = False
    q: Annotated[str, Query(max_length=300)] = ""

    @property
    def words(self) -> str:
        return self.q.replace("\0", "").strip()

    @property
    def narrowed(self) -> WallFilter:
        return WallFilter(self.locked, self.no_singles, self.words)

    @property
    def parameters(self) -> dict[str, Any]:
        """The query parameters without defaults."""
        sort = None if self.sort is WallSort.LARGEST else self.sort.value
        return {"sort": sort, "locked": self.locked, "no_singles": self.no_singles, "q": self.words}


@dataclass(frozen=True)
class Wall:
    """A page of the wall.

    Attributes:
        query: the query parameters.
        cards: the groups.
        more: address of the next page, None at the end.
    """

    query: WallQuery
    cards: tuple[ClusterCard, ...]
    more: str | None


WallDependency = Annotated[WallQuery, Depends()]


@router.get("/")
def show_wall(request: Request, services: ServicesDependency, query: WallDependency) -> Response:
    return _render_wall(request, services, query, "clusters.html")


@router.get("/clusters/wall")
def show_changed_wall(request: Request, services: ServicesDependency, query: WallDependency) -> Response:
    """Show the wall alone after a change of sort, filter or search. The address bar follows."""
    return _render_wall(
        request, services, query, "partials/wall.html", headers={"HX-Replace-Url": link("/", query.parameters)}
    )


@router.get("/clusters/cards")
def show_more_cards(request: Request, services: ServicesDependency, query: WallDependency, cursor: Cursor) -> Response:
    with services.database.transaction() as session:
        after = None if cursor is None else _read_key(query.sort, cursor)
        rows = list_cards(session, query.sort, query.narrowed, after=after, limit=CARDS_A_PAGE + 1)
    return render(request, "partials/cards.html", wall=_wall(query, rows))


@router.get("/clusters/news")
def count_news(services: ServicesDependency, after: Annotated[int, Query(ge=0, le=ID.high)]) -> dict[str, int]:
    """How many groups came after this one, for the pill."""
    with services.database.transaction() as session:
        return {"count": count_newer(session, after)}


def _render_wall(
    request: Request,
    services: Services,
    query: WallQuery,
    template: str,
    headers: dict[str, str] | None = None,
) -> Response:
    with services.database.transaction() as session:
        counts: WallCounts = count_wall(session, query.narrowed)
        rows = list_cards(session, query.sort, query.narrowed, limit=CARDS_A_PAGE + 1)
    return render(
        request,
        template,
        headers=headers,
        active="clusters",
        wall=_wall(query, rows),
        counts=counts,
        sorts=SORT_LABELS,
    )


def _wall(query: WallQuery, rows: list[ClusterCard]) -> Wall:
    page = rows[:CARDS_A_PAGE]
    more = None
    if len(rows) > CARDS_A_PAGE:
        cursor = write_cursor(*sort_key_of(query.sort, page[-1]))
        more = link("/clusters/cards", query.parameters, cursor=cursor)
    return Wall(query, tuple(page), more)


def _read_key(sort: WallSort, cursor: str) -> list[Any]:
    return read_cursor(cursor, *_KEYS[sort])
