"""Request and response models of uploads, pictures, groups, webhooks and health."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Form
from pydantic import BaseModel, ConfigDict, Field, HttpUrl

from backend.features.intake import Upload
from backend.features.search import Recommendation
from backend.files.text import WORDS, MediaText, TextChanges, parse_date, split_keywords
from backend.store.events import EventKind
from backend.store.groups import ClusterMember, ClusterSummary
from backend.store.media import KnownMedia
from backend.store.schema import Media, MediaStatus, Membership, Webhook
from backend.web.api.places import without_key, without_place

_MEDIA_ID = "0192f0c1-7d1e-7cc0-8d3c-0c6a3f1b2a11"
_OTHER_ID = "0192f0c1-7d1e-7cc0-8d3c-0c6a3f1b2a12"

ShownTitle = Annotated[
    str,
    Field(
        description="Its title, else the first clause of its caption, else its file name; empty if it has none of them."
    ),
]
Similarity = Annotated[float, Field(description="Cosine, -1 to 1.")]


class Schema(BaseModel):
    """Base class of response models."""

    model_config = ConfigDict(extra="forbid")


class TextInput(BaseModel):
    """The text of a picture. Empty fields are filled from the picture's metadata."""

    model_config = ConfigDict(extra="forbid")

    title: str = ""
    caption: str = ""
    keywords: list[str] = Field(default_factory=list)
    location: str = ""
    story: str = ""
    taken_at: str = Field(
        "",
        description="ISO 8601, also a year or month alone, an EXIF date or Unix seconds. A time without a zone is read in "
        "the zone of the setting MEDIACLUSTER_TIME_ZONE (UTC).",
    )

    def media_text(self) -> MediaText:
        """The text as an upload takes it. Raises InvalidText if `taken_at` is not a valid date."""
        return _media_text(self, self.keywords)


@dataclass(frozen=True)
class TextForm:
    """The text of a picture as a form sends it. A dependency of routes: `Annotated[TextForm, Depends()]`."""

    title: Annotated[str, Form()] = ""
    caption: Annotated[str, Form()] = ""
    keywords: Annotated[
        list[str] | None,
        Form(description='Repeat the field, or separate keywords by commas. "Doe, Jane" in quotes is one.'),
    ] = None
    location: Annotated[str, Form()] = ""
    story: Annotated[str, Form()] = ""
    taken_at: Annotated[str, Form(description="ISO 8601, an EXIF date or Unix seconds.")] = ""

    def media_text(self) -> MediaText:
        """The text as an upload takes it. Raises InvalidText if `taken_at` is not a valid date."""
        return _media_text(self, (word for field in self.keywords or () for word in split_keywords(field)))


def _media_text(said: TextInput | TextForm, keywords: Iterable[str]) -> MediaText:
    words = {name: getattr(said, name) for name in WORDS}
    return MediaText(**words, keywords=tuple(keywords)).given_date(said.taken_at)


class TextChangesInput(BaseModel):
    """The text to change. Omitted fields keep their value."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"title": "The lighthouse at dusk", "keywords": ["sea"]}]}
    )

    title: str | None = None
    caption: str | None = None
    keywords: list[str] | None = None
    location: str | None = None
    story: str | None = None
    taken_at: str | None = Field(None, description="As in an upload. An empty value removes the date.")

    def changes(self) -> TextChanges:
        """The changes as a feature takes them. Raises InvalidText if `taken_at` is not a valid date."""
        found = None if self.taken_at is None else parse_date(self.taken_at)
        return TextChanges(
            **{name: getattr(self, name) for name in WORDS},
            keywords=None if self.keywords is None else tuple(self.keywords),
            taken_at=None if found is None else found[0],
            taken_at_precision="" if found is None else found[1].label,
            clear_taken_at=self.taken_at is not None and not self.taken_at.strip(),
        )


class UrlInput(TextInput):
    """A picture to fetch from a URL."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"url": "https://example.org/lighthouse.jpg", "title": "The lighthouse", "keywords": ["sea"]}]
        },
    )

    url: str = Field(description="http or https address of the picture itself.", max_length=2048)


class ClusterReference(Schema):
    """The group that a picture is in, and the decision that put it there."""

    id: int
    label: str
    similarity: Similarity
    runner_up_cluster_id: int | None
    runner_up_similarity: float | None
    margin: float | None = Field(description="How far the similarity would have to change for a different outcome.")
    threshold: float
    founder: bool
    origin: str
    why: str = Field(description="The decision in words. `origin` tells who made it.")

    @classmethod
    def of(cls, membership: Membership, label: str) -> "ClusterReference":
        return cls(
            id=membership.cluster_id,
            label=label,
            **{name: getattr(membership, name) for name in cls.model_fields if name not in {"id", "label"}},
        )


class UploadWarning(Schema):
    """Something that is not right with an accepted file, such as a damaged color profile."""

    code: str
    detail: str


class UploadedMedia(Schema):
    """The result for one file of an upload: an id, or an error code."""

    id: UUID | None = None
    filename: str | None = None
    status: MediaStatus | None = None
    duplicate: bool = Field(
        False, description="Whether this file was stored before; `id` is then the id it already has."
    )
    completed: list[str] = Field(
        [], description="For a duplicate: the fields that the stored picture lacked and has from this copy."
    )
    cluster: ClusterReference | None = Field(None, description="With wait_seconds, if the group was known in time.")
    code: str | None = Field(None, description="Why the file was refused.")
    detail: str | None = None
    warnings: list[UploadWarning] = Field([], description="What is not right with the file, although it was accepted.")

    @classmethod
    def of(cls, upload: Upload) -> "UploadedMedia":
        joined = upload.cluster
        return cls(
            id=upload.media_id,
            filename=upload.filename,
            status=upload.status,
            duplicate=upload.duplicate,
            completed=list(upload.completed),
            cluster=None if joined is None else ClusterReference.of(joined.membership, joined.label),
            code=upload.code,
            detail=upload.detail,
            warnings=[UploadWarning(code=one.code, detail=one.detail) for one in upload.warnings],
        )


class UploadAnswer(Schema):
    """The response to an upload. `ids` lists the ids in `media`, in order, without refused files."""

    ids: list[UUID]
    media: list[UploadedMedia]

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "ids": [_MEDIA_ID],
                    "media": [{"id": _MEDIA_ID, "filename": "a.jpg", "status": "pending", "duplicate": False}],
                }
            ]
        },
    )

    @classmethod
    def of(cls, uploads: Iterable[Upload]) -> "UploadAnswer":
        media = [UploadedMedia.of(one) for one in uploads]
        return cls(ids=[one.id for one in media if one.id is not None], media=media)


Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the bytes, in lower-case hex.")]
MOST_CHECKSUMS = 1000


class ChecksumsInput(BaseModel):
    """Checksums to look up."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"checksums": ["9f86d081" + "0" * 56]}]})

    checksums: list[Sha256] = Field(max_length=MOST_CHECKSUMS)


class KnownMediaAnswer(Schema):
    """A file that is already stored, and its picture."""

    sha256: Sha256
    id: UUID
    status: MediaStatus


class KnownAnswer(Schema):
    """The checksums that are already stored, in no particular order."""

    known: list[KnownMediaAnswer]

    @classmethod
    def of(cls, known: Iterable[KnownMedia]) -> "KnownAnswer":
        return cls(
            known=[KnownMediaAnswer(sha256=one.sha256.hex(), id=one.media_id, status=one.status) for one in known]
        )


class MediaDetail(Schema):
    """One picture."""

    id: UUID
    status: MediaStatus
    title: str
    shown_title: ShownTitle
    caption: str
    keywords: list[str]
    location: str
    story: str
    taken_at: datetime | None = Field(description="When it was taken: the begin of what `taken_at_precision` names.")
    taken_at_precision: str = Field(
        description="The smallest unit that is known: year, month, day, minute, second or subsecond. Empty without a date."
    )
    taken_at_source: str = Field(
        description="Where the date is from: 'given', a field of the file such as 'exif:DateTimeOriginal', or 'file_name', "
        "which is a guess. Empty without a date."
    )
    width: int | None
    height: int | None
    mime: str | None
    byte_size: int | None
    sha256: str | None
    file_name: str = Field(description="What its file was called when it came, without folders; empty if unknown.")
    source: str
    source_uri: str | None
    exif: dict[str, Any]
    folders: list[str] = Field(description="Folders and albums that it was imported from.")
    warnings: list[UploadWarning] = Field(description="What is not right with its file, although it was accepted.")
    error_code: str | None
    error_detail: str | None
    duplicate_of: UUID | None
    created_at: datetime
    ready_at: datetime | None
    cluster: ClusterReference | None = None

    @classmethod
    def of(cls, media: Media, cluster: ClusterReference | None = None, *, places: bool = False) -> "MediaDetail":
        """Convert a stored picture. `places` includes coordinates and the full source address."""
        own = {name: getattr(media, name) for name in cls.model_fields if name not in {"sha256", "cluster", "warnings"}}
        if not places:
            own |= {"exif": without_place(media.exif), "source_uri": without_key(media.source_uri)}
        warnings = [UploadWarning(**warning) for warning in media.warnings]
        return cls(**own, warnings=warnings, sha256=media.sha256.hex() if media.sha256 else None, cluster=cluster)


class MediaPage(Schema):
    """A page of pictures, newest first."""

    media: list[MediaDetail]
    next_cursor: str | None


class SimilarMedia(Schema):
    """A recommendation. A cosine is null if either picture lacks that side; it then adds nothing to `combined`."""

    media_id: UUID
    sim_image: float | None
    sim_text: float | None
    combined: float = Field(description="alpha * sim_image + (1 - alpha) * sim_text")
    title: str
    shown_title: ShownTitle
    location: str
    caption: str
    thumbnail: str = Field(description="Path of its thumbnail, relative to the root of this API.")

    @classmethod
    def of(cls, one: Recommendation) -> "SimilarMedia":
        return cls(**vars(one), thumbnail=f"/media/{one.media_id}/thumbnail")


class SimilarAnswer(Schema):
    """The pictures most similar to one, best first."""

    media_id: UUID
    k: int
    alpha: float
    results: list[SimilarMedia]

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "media_id": _MEDIA_ID,
                    "k": 1,
                    "alpha": 0.6,
                    "results": [
                        {
                            "media_id": _OTHER_ID,
                            "sim_image": 0.94,
                            "sim_text": 0.71,
                            "combined": 0.848,
                            "title": "The lighthouse at dusk",
                            "shown_title": "The lighthouse at dusk",
                            "location": "Cape Wrath",
                            "caption": "A red lighthouse above the sea at dusk",
                            "thumbnail": f"/media/{_OTHER_ID}/thumbnail",
                        }
                    ],
                }
            ]
        },
    )


class ClusterInList(Schema):
    """A group as lists show it."""

    id: int
    label: str
    label_origin: str
    representative_media_id: UUID | None
    locked: bool
    size: int
    created_at: datetime

    @classmethod
    def of(cls, cluster: ClusterSummary) -> "ClusterInList":
        return cls(**vars(cluster))


class ClusterPage(Schema):
    """A page of groups, largest first."""

    clusters: list[ClusterInList]
    total: int
    next_cursor: str | None


class Member(Schema):
    """A member of a group."""

    media_id: UUID
    title: str
    shown_title: ShownTitle
    location: str
    similarity: Similarity
    margin: float | None
    origin: str

    @classmethod
    def of(cls, member: ClusterMember) -> "Member":
        return cls(**vars(member))


class ClusterDetail(ClusterInList):
    """A group with a page of its members, most similar first."""

    members: list[Member]
    next_cursor: str | None


class WebhookInput(BaseModel):
    """An address to send events to."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://example.org/hook", "events": ["media.ready"]}]},
    )

    url: HttpUrl
    events: list[EventKind] = Field(default_factory=lambda: list(EventKind), min_length=1)


class WebhookDetail(Schema):
    """A webhook, without its secret."""

    id: UUID
    url: str
    events: list[str]
    created_at: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookDetail":
        return cls(id=webhook.id, url=webhook.url, events=webhook.events, created_at=webhook.created_at)


class NewWebhook(WebhookDetail):
    """A new webhook. The secret is shown only once."""

    secret: str = Field(description="Key of the signature, as `whsec_` and base64 (Standard Webhooks).")


class WebhookList(Schema):
    webhooks: list[WebhookDetail]


class HealthAnswer(Schema):
    """Whether the service is alive or ready. Each check is 'ok' or describes the problem."""

    status: str
    checks: dict[str, str] = Field(default_factory=dict)
