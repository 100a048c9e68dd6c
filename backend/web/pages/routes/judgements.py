"""Judgements of hits, on the search page and under a picture. Responses are JSON for the page's script."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, UploadFile
from pydantic import BaseModel, Field

from backend.bounds import QUERY_CHARACTERS
from backend.features.review import judge, keep, list_said
from backend.store.review import QueryKind
from backend.web.api.dependencies import ServicesDependency
from backend.web.pages.routes.curation import CuratorDependency

router = APIRouter()


class Query(BaseModel):
    """The query that the hits belong to."""

    query_kind: QueryKind
    query: str = Field(max_length=QUERY_CHARACTERS.high)


class Said(Query):
    """A judgement of a hit. `right` None withdraws it."""

    media_id: UUID
    right: bool | None


class Before(BaseModel):
    """The previous judgement."""

    before: bool | None


@router.post("/judgements")
def do_judge(services: ServicesDependency, actor: CuratorDependency, said: Said) -> Before:
    before = judge(services, said.query_kind, said.query, said.media_id, is_right=said.right, actor=actor)
    return Before(before=before)


@router.post("/judgements/picture")
def do_keep(services: ServicesDependency, file: Annotated[UploadFile, File()]) -> dict[str, str]:
    """Store the dropped picture, so that its hits can be judged."""
    return {"sha256": keep(services, file.file.read(services.settings.max_body_bytes + 1))}


@router.post("/judgements/said")
def show_said(services: ServicesDependency, asked: Query) -> dict[str, bool]:
    """The judgement of each hit. A POST, so that queries do not appear in access logs."""
    return {str(media_id): right for media_id, right in list_said(services, asked.query_kind, asked.query).items()}
