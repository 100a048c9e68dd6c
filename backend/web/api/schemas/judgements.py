"""Request and response models of judgements."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.bounds import QUERY_CHARACTERS
from backend.store.review import QueryKind
from backend.store.schema import Judgement
from backend.web.api.schemas.schemas import Schema

_QUERY = "The words, the id of a picture, or the checksum of a dropped picture (hex), alone or with a space and words."


class JudgementDetail(Schema):
    """A judgement of one hit of one query."""

    query_kind: QueryKind
    query: str = Field(description=_QUERY)
    media_id: UUID
    right: bool
    actor: str
    judged_at: datetime

    @classmethod
    def of(cls, one: Judgement) -> "JudgementDetail":
        return cls(
            query_kind=QueryKind(one.query_kind),
            query=one.query,
            media_id=one.media_id,
            right=one.is_right,
            actor=one.actor,
            judged_at=one.judged_at,
        )


class JudgementPage(Schema):
    """A page of judgements, newest first."""

    judgements: list[JudgementDetail]
    next_cursor: str | None


class HitInput(BaseModel):
    """A hit of a query."""

    model_config = ConfigDict(extra="forbid")

    query_kind: QueryKind
    query: str = Field(max_length=QUERY_CHARACTERS.high, description=_QUERY)
    media_id: UUID


class JudgementInput(HitInput):
    """A judgement of a hit."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "query_kind": "words",
                    "query": "boats at dusk",
                    "media_id": "01a20757-dbbc-7203-b2a8-d64a814c904f",
                    "right": True,
                }
            ]
        },
    )

    right: bool


class JudgementAnswer(Schema):
    """The previous judgement."""

    before: bool | None = Field(description="The previous judgement; null if there was none.")


class JudgementsTakenBackInput(BaseModel):
    """Hits whose judgements to withdraw."""

    model_config = ConfigDict(extra="forbid")

    hits: list[HitInput] = Field(min_length=1, max_length=1_000)


class JudgementsTakenBack(Schema):
    """How many judgements were withdrawn."""

    taken_back: int


class KeptPicture(Schema):
    """A stored query picture."""

    sha256: str = Field(description="Of the file as it was sent, in hex.")
