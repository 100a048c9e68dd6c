"""The tables. Migrations create them; a test checks that this module describes the same schema.

Transitions of `media.status` (the CHECK `status_has_its_facts` requires the columns that each state needs):

    fetching -> pending -> embedded -> ready        a URL starts at fetching, a file at pending
    fetching -> duplicate                           the fetched file was already stored (`duplicate_of`)
    embedded -> ready                               imported embeddings, with or without an original
    fetching, pending -> failed                     with `error_code`; `retry` restores the state before
"""

import enum
import uuid
from datetime import datetime
from typing import Any, ClassVar, Final

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backend.bounds import ALPHA, THRESHOLD
from backend.rules.grouping import explain_membership
from backend.rules.naming import shown_title

NAMING_CONVENTION = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        datetime: DateTime(timezone=True),
        uuid.UUID: Uuid,
        float: Double,
        bytes: LargeBinary,
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(Text),
        list[float]: ARRAY(Double),
    }


class MediaStatus(enum.StrEnum):
    FETCHING = "fetching"
    PENDING = "pending"
    EMBEDDED = "embedded"
    READY = "ready"
    FAILED = "failed"
    DUPLICATE = "duplicate"


EMBEDDED_STATUSES: Final = (MediaStatus.EMBEDDED, MediaStatus.READY)
"""Of pictures that are embedded: they have vectors and thumbnails."""


class SpaceState(enum.StrEnum):
    BUILDING = "building"
    ACTIVE = "active"
    RETIRED = "retired"
    DROPPED = "dropped"


class Origin(enum.StrEnum):
    """Who made a decision. Automatic grouping never changes a curator's."""

    AUTO = "auto"
    CURATOR = "curator"


# Source of pictures imported as vectors. Only these may have neither a file nor an address.
EMBEDDINGS_SOURCE = "embeddings"
UPLOAD_SEQ = Sequence("media_upload_seq", metadata=Base.metadata)
ASSIGN_SEQ = Sequence("membership_assign_seq", metadata=Base.metadata)

STATUS_HAS_ITS_FACTS = """
CASE status
  WHEN 'fetching' THEN source_uri IS NOT NULL AND upload_seq IS NULL
  WHEN 'pending' THEN sha256 IS NOT NULL AND original_key IS NOT NULL AND upload_seq IS NOT NULL
  WHEN 'embedded' THEN (sha256 IS NOT NULL AND original_key IS NOT NULL
    OR source = 'embeddings' AND sha256 IS NULL AND original_key IS NULL) AND upload_seq IS NOT NULL
    AND embedded_at IS NOT NULL AND lease_token IS NULL
  WHEN 'ready' THEN (sha256 IS NOT NULL AND original_key IS NOT NULL
    OR source = 'embeddings' AND sha256 IS NULL AND original_key IS NULL) AND upload_seq IS NOT NULL
    AND embedded_at IS NOT NULL AND ready_at IS NOT NULL AND lease_token IS NULL
  WHEN 'failed' THEN error_code IS NOT NULL AND lease_token IS NULL
  WHEN 'duplicate' THEN duplicate_of IS NOT NULL AND lease_token IS NULL
  ELSE false
END
"""


class Media(Base):
    """An uploaded picture with its text and the state of its processing."""

    __tablename__ = "media"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    sha256: Mapped[bytes | None] = mapped_column(unique=True)
    title: Mapped[str] = mapped_column(server_default="")
    caption: Mapped[str] = mapped_column(server_default="")
    keywords: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    location: Mapped[str] = mapped_column(server_default="")
    story: Mapped[str] = mapped_column(server_default="")
    ocr_text: Mapped[str] = mapped_column(server_default="")
    taken_at: Mapped[datetime | None]
    taken_at_precision: Mapped[str] = mapped_column(server_default="")
    taken_at_source: Mapped[str] = mapped_column(server_default="")
    exif: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    folders: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    warnings: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    mime: Mapped[str | None]
    byte_size: Mapped[int | None] = mapped_column(BigInteger)
    perceptual_hash: Mapped[int | None] = mapped_column(BigInteger)
    original_key: Mapped[str | None]
    file_name: Mapped[str] = mapped_column(server_default="")
    source: Mapped[str]
    source_uri: Mapped[str | None]
    request_id: Mapped[str | None]
    status: Mapped[str]
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    duplicate_of: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"))
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    lease_token: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    upload_seq: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    embedded_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(STATUS_HAS_ITS_FACTS, name="status_has_its_facts"),
        CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease_is_whole"),
        CheckConstraint("octet_length(sha256) = 32", name="sha256_length"),
        Index("media_work_idx", "status", "upload_seq", postgresql_where=text("status IN ('pending', 'embedded')")),
        Index("media_fetching_idx", "created_at", postgresql_where=text("status = 'fetching'")),
        Index("media_failed_idx", "created_at", postgresql_where=text("status = 'failed'")),
        Index("media_created_at_idx", "created_at", "id"),
        Index("media_ready_at_idx", "ready_at", postgresql_where=text("ready_at IS NOT NULL")),
        # Without it, each deletion scans the table.
        Index("media_duplicate_of_idx", "duplicate_of", postgresql_where=text("duplicate_of IS NOT NULL")),
        # Without it each renewal of a lease reads all media.
        Index("media_lease_token_idx", "lease_token", postgresql_where=text("lease_token IS NOT NULL")),
        # What searches are narrowed by.
        Index("media_keywords_idx", text("folded_keywords(keywords)"), postgresql_using="gin"),
        Index("media_location_idx", text("folded_trigrams(location)"), postgresql_using="gin"),
        Index("media_taken_at_idx", "taken_at", "id"),
        Index("media_mime_idx", "mime"),
        Index("media_source_idx", "source"),
    )

    @property
    def shown_title(self) -> str:
        """What it is called (see `shown_title`), '' if there is nothing to call it by."""
        return shown_title(self.title, self.caption, self.file_name)


class Space(Base):
    """A pair of encoders. Only vectors of the same space are comparable.

    Transitions of `state`:

        building -> active                              the first space at once, others when they are filled
        active -> retired -> active                     another space was activated; a rollback reverses it
        building, retired -> dropped                    vectors are deleted; the row stays, because decisions refer to it
    """

    __tablename__ = "space"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    name: Mapped[str]
    preset: Mapped[str | None]
    image_model: Mapped[str]
    image_checkpoint: Mapped[str]
    text_model: Mapped[str]
    image_fingerprint: Mapped[str]
    text_fingerprint: Mapped[str]
    image_dimension: Mapped[int] = mapped_column(Integer)
    text_dimension: Mapped[int] = mapped_column(Integer)
    description: Mapped[dict[str, Any]]
    state: Mapped[str]
    centroid_version: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    activated_at: Mapped[datetime | None]

    @hybrid_property
    def is_active(self) -> bool:
        """Whether it is the space that is searched and grouped in; of all spaces one is, once there is one. Statements
        say `{active_space}` (see `statements`)."""
        return self.state == SpaceState.ACTIVE

    __table_args__ = (
        CheckConstraint("state IN ('building', 'active', 'retired', 'dropped')", name="state"),
        Index("space_name_idx", "name", unique=True, postgresql_where=text("state <> 'dropped'")),
        Index("space_one_active_idx", "state", unique=True, postgresql_where=text("state = 'active'")),
    )


class Embedding(Base):
    """The vectors of a picture in a space. Insert-only, partitioned by space (see `functions/create_space_storage.sql`)."""

    __tablename__ = "embedding"

    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), primary_key=True)
    media_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), primary_key=True)
    image_embedding: Mapped[Any] = mapped_column(VECTOR)
    text_embedding: Mapped[Any | None] = mapped_column(VECTOR)
    caption_embedding: Mapped[Any | None] = mapped_column(VECTOR)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # The transaction that wrote the row. The vector scan finds rows by it that became visible since a snapshot.
    written_by: Mapped[int | None] = mapped_column(
        BigInteger, server_default=text("(pg_current_xact_id()::text)::bigint")
    )

    __table_args__ = (
        Index("embedding_written_by_idx", "written_by", postgresql_where=text("written_by IS NOT NULL")),
        {"postgresql_partition_by": "LIST (space_id)"},
    )


class SpaceFill(Base):
    """A space that is being filled: pictures embedded in any space are embedded into it too, unless it is paused.

    Attributes:
        rate_per_minute: largest number of pictures per minute, None for no limit.
        next_claim_at: when this limit allows the next claim.
        closing_until: until then, the assigner skips pictures that are not in this space, so that it can be activated.
        wanted_until: until then, processes load its encoders.
        comparison: see `backend.features.model_change.comparison`.
        problem: why a worker could not load its encoders, for people. Cleared once one can.
    """

    __tablename__ = "space_fill"

    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), primary_key=True)
    actor: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    paused_at: Mapped[datetime | None]
    rate_per_minute: Mapped[float | None]
    next_claim_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closing_until: Mapped[datetime | None]
    wanted_until: Mapped[datetime | None]
    comparison: Mapped[dict[str, Any] | None]
    compared_at: Mapped[datetime | None]
    problem: Mapped[str | None]

    __table_args__ = (CheckConstraint("rate_per_minute > 0", name="rate"),)


class SpaceFillItem(Base):
    """A picture waiting to be embedded into a space, or one that could not be (with `error_code`)."""

    __tablename__ = "space_fill_item"

    space_id: Mapped[int] = mapped_column(ForeignKey("space_fill.space_id"), primary_key=True)
    media_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("media.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    lease_token: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease_is_whole"),
        Index("space_fill_item_lease_token_idx", "lease_token", postgresql_where=text("lease_token IS NOT NULL")),
    )


class SpaceWork(Base):
    """A long task that an admin started on the model page. A process of its own runs it (`backend.features.model_change.jobs`).

    Attributes:
        subject: name of the space, or of the one to create.
        arguments: arguments of the task.
        seen_at: last sign of life of its process.
        stage: what it is doing.
        done: how much of the stage is done.
        total: size of the stage.
        outcome: the result in words, if it succeeded. Otherwise the error columns are set.
    """

    __tablename__ = "space_work"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    actor: Mapped[str]
    address: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    stage: Mapped[str] = mapped_column(server_default="")
    done: Mapped[int] = mapped_column(Integer, server_default="0")
    total: Mapped[int] = mapped_column(Integer, server_default="0")
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    error_hint: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("kind IN ('create', 'compare', 'activate', 'rollback')", name="kind"),
        CheckConstraint(
            "(ended_at IS NULL AND num_nonnulls(outcome, error_code) = 0) "
            "OR (ended_at IS NOT NULL AND num_nonnulls(outcome, error_code) = 1)",
            name="ends_in_one_way",
        ),
    )


class EncoderHolder(Base):
    """A process that answers queries or embeds, and whether it holds the encoders of a space in memory."""

    __tablename__ = "encoder_holder"

    process: Mapped[str] = mapped_column(primary_key=True)
    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), primary_key=True)
    failure: Mapped[str | None]
    is_ready: Mapped[bool] = mapped_column(Boolean)
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class BackgroundRow(Base):
    """Similarities of unrelated pairs in a space, for one kind of query (see `backend.rules.search.backgrounds`)."""

    __tablename__ = "background"

    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]]
    media_count: Mapped[int] = mapped_column(BigInteger)
    sampled_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint("kind IN ('words', 'media', 'captions')", name="kind"),
        CheckConstraint("media_count >= 0", name="media_count"),
    )


class Cluster(Base):
    """A group of similar pictures. Its identity does not depend on a space."""

    __tablename__ = "cluster"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    label: Mapped[str] = mapped_column(server_default="")
    label_origin: Mapped[str] = mapped_column(server_default="auto")
    representative_media_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("media.id", ondelete="SET NULL"), index=True
    )
    representative_origin: Mapped[str] = mapped_column(server_default="auto")
    locked: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    locked_at: Mapped[datetime | None]
    # Hash of the members that the label was made from. Null: not labelled yet. 0: no label was found.
    labelled_members: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint("label_origin IN ('auto', 'curator')", name="label_origin"),
        CheckConstraint("representative_origin IN ('auto', 'curator')", name="representative_origin"),
        Index("cluster_unlabelled_idx", "id", postgresql_where=text("labelled_members IS NULL")),
        Index("cluster_label_idx", text("(label = ''::text)"), text('lower("left"(label, 200))'), "id"),
    )


class LabelStatistics(Base):
    """Word counts of all clusters of a space, which labels are chosen by (see `backend.rules.naming.labels`)."""

    __tablename__ = "label_statistics"

    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), primary_key=True)
    content: Mapped[dict[str, Any]]
    media_count: Mapped[int] = mapped_column(BigInteger)
    # The version of the centroids at which all labels were up to date.
    centroid_version: Mapped[int | None] = mapped_column(BigInteger)
    counted_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint("media_count >= 0", name="media_count"),)


class Centroid(Base):
    """A cluster's normalized mean in a space, and the exact sum that it is computed from."""

    __tablename__ = "centroid"

    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), primary_key=True)
    cluster_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("cluster.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    embedding_sum: Mapped[list[float]]
    member_count: Mapped[int] = mapped_column(Integer)
    centroid: Mapped[Any] = mapped_column(VECTOR)

    __table_args__ = (
        CheckConstraint("member_count > 0", name="member_count"),
        Index("centroid_size_idx", "space_id", text("member_count DESC"), "cluster_id"),
        Index(
            "centroid_cohesion_idx",
            "space_id",
            text("(vector_norm(embedding_sum::vector) / member_count::double precision)"),
            "cluster_id",
        ),
    )


class Membership(Base):
    """The cluster of a picture, and the decision that put it there.

    `margin` is how far the similarity would have to change for another outcome. For a member that joined, it is the similarity minus the
    larger of threshold and runner-up; for a founder, the threshold minus the similarity of the nearest cluster, which is its runner-up.
    `space_id` is the active space, to which these figures refer. If the decision was made in another space, `decided_space_id` and
    `decided_threshold` name it and its threshold, and the figures were computed later.
    """

    __tablename__ = "membership"

    media_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), primary_key=True)
    cluster_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("cluster.id"))
    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"))
    similarity: Mapped[float]
    runner_up_cluster_id: Mapped[int | None] = mapped_column(BigInteger)
    runner_up_similarity: Mapped[float | None]
    margin: Mapped[float | None]
    threshold: Mapped[float]
    founder: Mapped[bool] = mapped_column(Boolean)
    assign_seq: Mapped[int] = mapped_column(BigInteger, ASSIGN_SEQ, unique=True, server_default=ASSIGN_SEQ.next_value())
    origin: Mapped[str] = mapped_column(server_default="auto")
    event_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("cluster_event.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    decided_space_id: Mapped[int | None] = mapped_column(ForeignKey("space.id"))
    decided_threshold: Mapped[float | None]

    @property
    def why(self) -> str:
        """The decision in words."""
        return explain_membership(
            similarity=self.similarity,
            threshold=self.threshold,
            runner_up=self.runner_up_similarity,
            margin=self.margin,
            founder=self.founder,
            by_curator=self.origin == Origin.CURATOR,
            measured_later=self.decided_space_id is not None,
        )

    __table_args__ = (
        CheckConstraint("origin IN ('auto', 'curator')", name="origin"),
        CheckConstraint("(decided_space_id IS NULL) = (decided_threshold IS NULL)", name="decided_elsewhere"),
        Index("membership_members_idx", "cluster_id", text("similarity DESC"), "media_id"),
    )


class MembershipFigures(Base):
    """Figures of memberships in an inactive space: staged before it is activated, or archived when it was deactivated.

    `threshold` is None for staged figures. Figures are valid while `cluster_id` and `assign_seq` equal those of the membership. Rows that
    outlive their picture or cluster show that a centroid must be recomputed.
    """

    __tablename__ = "membership_figures"

    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), primary_key=True)
    media_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cluster_id: Mapped[int] = mapped_column(BigInteger)
    assign_seq: Mapped[int] = mapped_column(BigInteger)
    similarity: Mapped[float]
    runner_up_cluster_id: Mapped[int | None] = mapped_column(BigInteger)
    runner_up_similarity: Mapped[float | None]
    margin: Mapped[float | None]
    threshold: Mapped[float | None]
    decided_space_id: Mapped[int | None] = mapped_column(Integer)
    decided_threshold: Mapped[float | None]


class ClusterEvent(Base):
    """The journal of changes to clusters, with what undoing them requires.

    `before` and `after` contain memberships as columns, in the order of `media_ids` (see `backend.rules.editing.journal`).
    """

    __tablename__ = "cluster_event"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    actor: Mapped[str]
    summary: Mapped[str] = mapped_column(server_default="")
    cluster_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"))
    media_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'"))
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    target_event_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("cluster_event.id"), index=True)
    undone_by: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("cluster_event.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Index("cluster_event_cluster_ids_idx", "cluster_ids", postgresql_using="gin"),
        Index("cluster_event_media_ids_idx", "media_ids", postgresql_using="gin"),
    )


class ClusterCannotLink(Base):
    """Two clusters that a curator's event keeps apart: they are never merged, and no picture moves between them, automatically."""

    __tablename__ = "cluster_cannot_link"

    cluster_a: Mapped[int] = mapped_column(BigInteger, ForeignKey("cluster.id", ondelete="CASCADE"), primary_key=True)
    cluster_b: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("cluster.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    event_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("cluster_event.id"), primary_key=True)

    __table_args__ = (CheckConstraint("cluster_a < cluster_b", name="order"),)


class ThresholdChoice(Base):
    """A threshold that a curator chose for a space. The latest whose event is not undone applies."""

    __tablename__ = "threshold_choice"

    event_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("cluster_event.id"), primary_key=True)
    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"))
    threshold: Mapped[float]

    __table_args__ = (CheckConstraint(THRESHOLD.sql("threshold"), name="threshold"),)


class AlphaChoice(Base):
    """An alpha that a curator chose for a space. The latest not undone applies, that of the active space first."""

    __tablename__ = "alpha_choice"

    event_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("cluster_event.id"), primary_key=True)
    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"))
    alpha: Mapped[float]

    __table_args__ = (CheckConstraint(ALPHA.sql("alpha"), name="alpha"),)


class NearDuplicate(Base):
    """The picture to keep instead of a near-duplicate, or the picture itself.

    Without one, the picture waits to be compared (again, if the picture to keep was deleted).
    """

    __tablename__ = "near_duplicate"

    media_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), primary_key=True)
    space_id: Mapped[int | None] = mapped_column(ForeignKey("space.id"))
    keeper_media_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("media.id", ondelete="SET NULL"), index=True)
    similarity: Mapped[float | None]
    compared_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "near_duplicate_members_idx",
            "keeper_media_id",
            "media_id",
            postgresql_where=text("media_id <> keeper_media_id"),
        ),
        Index("near_duplicate_waiting_idx", "media_id", postgresql_where=text("keeper_media_id IS NULL")),
    )


class NotNearDuplicate(Base):
    """Two near-duplicates that a curator wants to keep."""

    __tablename__ = "not_near_duplicate"

    media_a: Mapped[uuid.UUID] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), primary_key=True)
    media_b: Mapped[uuid.UUID] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), primary_key=True, index=True)
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint("media_a < media_b", name="order"),)


class MarkedForDeletion(Base):
    """A near-duplicate that a curator marked for deletion in favour of another picture. It is deleted on confirmation, and kept if the
    other one is deleted first."""

    __tablename__ = "marked_for_deletion"

    media_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), primary_key=True)
    keeper_media_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), index=True)
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint("media_id <> keeper_media_id", name="keeper"),)


class ExactCopy(Base):
    """A file that was sent again, with its source. The file itself is stored once."""

    __tablename__ = "exact_copy"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    media_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"))
    source: Mapped[str]
    source_uri: Mapped[str] = mapped_column(server_default="")
    times_sent: Mapped[int] = mapped_column(Integer, server_default="1")
    first_sent_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_sent_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("media_id", "source", "source_uri"),
        Index("exact_copy_newest_idx", "last_sent_at", "id"),
    )


class MediaReading(Base):
    """What a file of a picture said when its words were last read (see `backend.store.media.readings`)."""

    __tablename__ = "media_reading"

    media_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), primary_key=True)
    file_key: Mapped[bytes] = mapped_column(primary_key=True)
    said: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    given: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    sidecars: Mapped[int] = mapped_column(Integer, server_default="0")
    rewritten_sha256: Mapped[bytes | None]

    __table_args__ = (Index("media_reading_file_key_idx", "file_key", postgresql_where=text("file_key <> ''::bytea")),)


class ReviewItem(Base):
    """An item for review, as of the last refresh of the queue. Most urgent first."""

    __tablename__ = "review_item"

    kind: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    urgency: Mapped[float]
    media_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), index=True)
    cluster_id: Mapped[int] = mapped_column(BigInteger)
    other_cluster_id: Mapped[int | None] = mapped_column(BigInteger)
    figures: Mapped[dict[str, Any]]

    __table_args__ = (Index("review_item_page_idx", "kind", text("urgency DESC"), "subject"),)


class ReviewDecision(Base):
    """A curator's decision on an item, with the item as it was, so that it can be restored."""

    __tablename__ = "review_decision"

    kind: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    decision: Mapped[str]
    urgency: Mapped[float]
    media_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), index=True)
    cluster_id: Mapped[int | None] = mapped_column(BigInteger)
    other_cluster_id: Mapped[int | None] = mapped_column(BigInteger)
    figures: Mapped[dict[str, Any] | None]
    event_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("cluster_event.id"))
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint("decision IN ('accept', 'correct', 'dismiss')", name="decision"),)


class ReviewRefresh(Base):
    """The version of the centroids that the review queue was computed from."""

    __tablename__ = "review_refresh"

    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), primary_key=True)
    centroid_version: Mapped[int] = mapped_column(BigInteger)
    refreshed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class JudgedPicture(Base):
    """A picture that was dropped for a search and kept because its hits were judged.

    `sha256` is of the dropped file; `content` is a WebP of it, at most 1280 pixels long and without metadata.
    """

    __tablename__ = "judged_picture"

    sha256: Mapped[bytes] = mapped_column(primary_key=True)
    content: Mapped[bytes]
    kept_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint("octet_length(sha256) = 32", name="sha256"),)


class Judgement(Base):
    """A curator's judgement whether a picture is a right hit of a query. The latest counts.

    `query` is a text, the id of a stored picture (also in `query_media_id`), or the checksum (hex) of a dropped picture (also in
    `query_sha256`), alone or followed by a space and a text.
    """

    __tablename__ = "judgement"

    query_kind: Mapped[str] = mapped_column(primary_key=True)
    query: Mapped[str] = mapped_column(primary_key=True)
    media_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("media.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    query_media_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), index=True)
    query_sha256: Mapped[bytes | None] = mapped_column(ForeignKey("judged_picture.sha256"), index=True)
    is_right: Mapped[bool] = mapped_column(Boolean)
    actor: Mapped[str]
    judged_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)

    __table_args__ = (
        CheckConstraint("query_kind IN ('words', 'media', 'picture')", name="query_kind"),
        CheckConstraint(
            "CASE query_kind WHEN 'media' THEN query_media_id IS NOT NULL AND query = query_media_id::text "
            "AND query_media_id <> media_id AND query_sha256 IS NULL "
            "WHEN 'picture' THEN query_media_id IS NULL AND query_sha256 IS NOT NULL "
            "AND split_part(query, ' ', 1) = encode(query_sha256, 'hex') "
            "ELSE query_media_id IS NULL AND query_sha256 IS NULL AND query <> '' END",
            name="query_is_whole",
        ),
    )


class RecallAudit(Base):
    """Results of a recall audit (see `backend.features.evaluation.recall`), by alpha or by leg."""

    __tablename__ = "recall_audit"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), index=True)
    k: Mapped[int] = mapped_column(Integer)
    sampled: Mapped[int] = mapped_column(Integer)
    fused: Mapped[dict[str, Any]]
    fused_index: Mapped[dict[str, Any]]
    legs: Mapped[dict[str, Any]]
    audited_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint("k > 0", name="k"), CheckConstraint("sampled > 0", name="sampled"))


class SearchEffort(Base):
    """The effort at which one pass of `search_media` finds enough, as an audit has learned it (see `backend.features.evaluation.efforts`).

    Attributes:
        sides: the sides of the query: `both`, `image` or `text`.
        k: most rows that it was measured for.
        alpha: weight of the image side that it was measured at; 1 for `image`, 0 for `text`.
        effort: hnsw.ef_search. 0: no effort finds enough.
        recall: recall@k at this effort, or at the greatest one where none finds enough.
        media_count: size of the space when it was measured.
    """

    __tablename__ = "search_effort"

    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), primary_key=True)
    sides: Mapped[str] = mapped_column(primary_key=True)
    k: Mapped[int] = mapped_column(Integer, primary_key=True)
    alpha: Mapped[float] = mapped_column(primary_key=True)
    effort: Mapped[int] = mapped_column(Integer)
    recall: Mapped[float]
    media_count: Mapped[int] = mapped_column(BigInteger)
    measured_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint("sides IN ('both', 'image', 'text')", name="sides"),
        CheckConstraint("k > 0", name="k"),
        CheckConstraint("alpha BETWEEN 0 AND 1", name="alpha"),
        CheckConstraint("effort >= 0", name="effort"),
        CheckConstraint("recall BETWEEN 0 AND 1", name="recall"),
        CheckConstraint("media_count > 0", name="media_count"),
    )


class QualityReport(Base):
    """A measurement for the quality page, one row per kind (see `backend.features.evaluation`).

    Attributes:
        points: of the map, 24 bytes per picture: its id, then x and y in single precision, little-endian.
        centroid_version: version of the space's centroids when it was measured.
        failure: why the last attempt failed. The other columns are then from the previous one.
    """

    __tablename__ = "quality_report"

    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]]
    points: Mapped[bytes | None]
    media_count: Mapped[int] = mapped_column(BigInteger)
    centroid_version: Mapped[int] = mapped_column(BigInteger)
    failure: Mapped[str | None]
    measured_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint("kind IN ('similarities', 'thresholds', 'map', 'evaluation')", name="kind"),
        CheckConstraint("media_count >= 0", name="media_count"),
    )


class Histogram(Base):
    """Counts of a measure by bucket (see `backend.store.telemetry.histograms`)."""

    __tablename__ = "histogram"

    name: Mapped[str] = mapped_column(primary_key=True)
    bounds: Mapped[list[float]] = mapped_column(ARRAY(Double))
    counts: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    total: Mapped[float] = mapped_column(Double)

    __table_args__ = (CheckConstraint("cardinality(counts) = cardinality(bounds) + 1", name="a_count_per_bucket"),)


class Pause(Base):
    """Contains one row while processing is paused: nothing is claimed, and uploads wait."""

    __tablename__ = "pause"

    singleton: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=text("true"))
    actor: Mapped[str]
    paused_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint("singleton", name="singleton"),)


class WorkerHeartbeat(Base):
    """The last heartbeat of a worker process. Deleted after a day of silence."""

    __tablename__ = "worker_heartbeat"

    worker: Mapped[str] = mapped_column(primary_key=True)
    tasks: Mapped[list[str]]
    busy_since: Mapped[datetime | None]
    tasks_done: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class OperationsSample(Base):
    """State of processing at one minute, and throughput in the minute before."""

    __tablename__ = "operations_sample"

    minute: Mapped[datetime] = mapped_column(primary_key=True)
    fetching: Mapped[int] = mapped_column(Integer)
    pending: Mapped[int] = mapped_column(Integer)
    embedded: Mapped[int] = mapped_column(Integer)
    failed: Mapped[int] = mapped_column(Integer)
    uploads: Mapped[int] = mapped_column(Integer)
    embeddings: Mapped[int] = mapped_column(Integer)
    groupings: Mapped[int] = mapped_column(Integer)
    embed_seconds: Mapped[float | None]
    group_seconds: Mapped[float | None]
    original_bytes: Mapped[int | None] = mapped_column(BigInteger)


class IdempotencyKey(Base):
    """A request that may be repeated: claimed while it is processed, then with its response."""

    __tablename__ = "idempotency_key"

    caller: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    media_id: Mapped[uuid.UUID]
    # The lease of the process that is answering it.
    lease_token: Mapped[uuid.UUID | None] = mapped_column("claim_token")
    lease_until: Mapped[datetime | None] = mapped_column("claimed_until")
    status: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)

    __table_args__ = (
        CheckConstraint(
            "(status IS NULL) = (answer IS NULL) AND (answer IS NULL) = (claim_token IS NOT NULL)"
            " AND (claim_token IS NULL) = (claimed_until IS NULL)",
            name="claimed_or_answered",
        ),
    )


class ApiKey(Base):
    """An API key. Only its hash is stored."""

    __tablename__ = "api_key"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    name: Mapped[str]
    token_sha256: Mapped[bytes] = mapped_column(unique=True)
    scope: Mapped[str]
    origins: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("scope IN ('read', 'upload', 'curate', 'admin')", name="scope"),
        CheckConstraint("octet_length(token_sha256) = 32", name="token_sha256_length"),
    )


class Account(Base):
    """A user of the admin pages. Without a password, only login links work."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    password_changed_at: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("role IN ('admin', 'curator')", name="role"),)


class AccountSession(Base):
    """A logged-in browser. Only the hash of its cookie is stored."""

    __tablename__ = "account_session"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    token_sha256: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    address: Mapped[str]
    user_agent: Mapped[str]

    __table_args__ = (CheckConstraint("octet_length(token_sha256) = 32", name="token_sha256_length"),)


class LoginLink(Base):
    """A link that logs an account in once. Only the hash of its secret is stored."""

    __tablename__ = "login_link"

    token_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("octet_length(token_sha256) = 32", name="token_sha256_length"),)


class LoginAttempt(Base):
    """A login that is in progress or failed. Deleted on success."""

    __tablename__ = "login_attempt"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    account_name: Mapped[str]
    network: Mapped[str]
    attempted_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class AuditEntry(Base):
    """An action of an admin, or a change of accounts, keys or settings. A trigger makes the table append-only."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    actor: Mapped[str]
    act: Mapped[str]
    subject: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    address: Mapped[str]

    __table_args__ = (
        # Which fields of a picture somebody has edited.
        Index("audit_log_rewritten_idx", "subject", postgresql_where=text("act = 'media.rewritten'")),
    )


class Webhook(Base):
    """An address that receives events."""

    __tablename__ = "webhook"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    url: Mapped[str]
    secret: Mapped[str]
    events: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class WebhookDelivery(Base):
    """An event for a webhook, written in the transaction of the change."""

    __tablename__ = "webhook_delivery"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    webhook_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"), index=True)
    event: Mapped[str]
    body: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    delivered_at: Mapped[datetime | None]
    abandoned_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Index(
            "webhook_delivery_due_idx",
            "next_attempt_at",
            postgresql_where=text("delivered_at IS NULL AND abandoned_at IS NULL"),
        ),
    )
