"""Search results on the wall: the best pictures, and the groups that contain them."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from backend.features.search import Relevance, SearchQuery
from backend.store.groups import find_cluster_ids, list_cards_by_id
from backend.store.media import list_pictures
from backend.web.api.dependencies import ServicesDependency
from backend.web.middleware.rate_limit import SEARCHES, limited
from backend.web.pages.searching import make_searcher
from backend.web.pages.templating import render

router = APIRouter()

_HITS = 30
_GROUPS = 6


@router.get("/clusters/found")
@limited(SEARCHES)
def show_found(
    request: Request, services: ServicesDependency, q: Annotated[str, Query(max_length=300, min_length=1)]
) -> Response:
    """Show the results. Only hits that stand out count for a group: the nearest of many unrelated pictures are near by chance."""
    answer = make_searcher(services).search(SearchQuery(words=q, k=_HITS))
    outstanding = [hit.media_id for hit in answer.hits if hit.stands_out]
    with services.database.transaction() as session:
        pictures = list_pictures(session, [hit.media_id for hit in answer.hits])
        held = Counter(find_cluster_ids(session, outstanding).values())
        cards = list_cards_by_id(session, [cluster_id for cluster_id, _count in held.most_common(_GROUPS)])
    return render(
        request,
        "partials/found.html",
        words=q,
        hits=[(hit, pictures[hit.media_id]) for hit in answer.hits if hit.media_id in pictures],
        nothing_relevant=answer.verdict is Relevance.NOTHING_RELEVANT,
        cards=cards,
    )
