"""Routes for judgements of search hits, which form the test set of evaluations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Query, UploadFile

from backend.features.review import judge, keep, list_newest, withdraw_judgements
from backend.store.review import JudgementFilter, QueryKind
from backend.web.api.cursors import write_cursor
from backend.web.api.dependencies import ActorDependency, Cursor, PageLimit, ServicesDependency
from backend.web.api.review_cursors import read_judgement_key
from backend.web.api.schemas.judgements import (
    JudgementAnswer,
    JudgementDetail,
    JudgementInput,
    JudgementPage,
    JudgementsTakenBack,
    JudgementsTakenBackInput,
    KeptPicture,
)
from backend.web.middleware.problems import documented

router = APIRouter(tags=["judgements"])

_PROBLEMS = documented("malformed_request", "invalid_query", "not_found", "backend_unavailable")


@router.get(
    "/judgements",
    operation_id="list_judgements",
    summary="List judgements of search hits",
    responses=documented("malformed_request", "backend_unavailable"),
)
def list_judgements(
    services: ServicesDependency,
    query_kind: Annotated[QueryKind | None, Query(description="Only judgements of this kind of query.")] = None,
    q: Annotated[str | None, Query(max_length=500, description="Only queries whose text contains this.")] = None,
    media_id: Annotated[UUID | None, Query(description="Only judgements of this hit.")] = None,
    right: Annotated[bool | None, Query(description="Only right hits, or only wrong ones.")] = None,
    actor: Annotated[str | None, Query(max_length=200, description="Only judgements by this person.")] = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> JudgementPage:
    """The newest first."""
    wanted = JudgementFilter(query_kind, _plain(q), media_id, right, _plain(actor))
    before = None if cursor is None else read_judgement_key(cursor)
    page, more = list_newest(services, wanted, limit=limit, before=before)
    return JudgementPage(
        judgements=[JudgementDetail.of(one) for one in page],
        next_cursor=None if more is None else write_cursor(more[0].isoformat(), *more[1:]),
    )


@router.post("/judgements", operation_id="judge_hit", summary="Judge a search hit right or wrong", responses=_PROBLEMS)
def judge_hit(services: ServicesDependency, actor: ActorDependency, said: JudgementInput) -> JudgementAnswer:
    """The latest judgement of a hit counts. A query picture must be stored first: see `keep_judged_picture`."""
    before = judge(services, said.query_kind, said.query, said.media_id, is_right=said.right, actor=actor)
    return JudgementAnswer(before=before)


@router.post(
    "/judgements/delete", operation_id="take_back_judgements", summary="Withdraw judgements", responses=_PROBLEMS
)
def take_back_judgements(
    services: ServicesDependency, actor: ActorDependency, wanted: JudgementsTakenBackInput
) -> JudgementsTakenBack:
    """Withdraws all named judgements, or none if a query is invalid. Hits without a judgement are skipped."""
    hits = [(one.query_kind, one.query, one.media_id) for one in wanted.hits]
    return JudgementsTakenBack(taken_back=withdraw_judgements(services, hits, actor=actor))


@router.post(
    "/judgements/pictures",
    operation_id="keep_judged_picture",
    summary="Store a query picture so that its hits can be judged",
    responses=documented("malformed_request", "unsupported_format", "file_too_large", "backend_unavailable"),
)
def keep_judged_picture(services: ServicesDependency, file: Annotated[UploadFile, File()]) -> KeptPicture:
    """Its hits can then be judged and the query repeated. The picture is deleted one hour after the last judgement of its hits was withdrawn."""
    return KeptPicture(sha256=keep(services, file.file.read(services.settings.max_body_bytes + 1)))


def _plain(text: str | None) -> str | None:
    return (text or "").replace("\0", "").strip() or None
