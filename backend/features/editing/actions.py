"""Operations of curators, as values."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rename:
    """Set a curator's label on a group."""

    cluster_id: int
    label: str


@dataclass(frozen=True)
class ChooseRepresentative:
    """Choose the member that represents its group."""

    cluster_id: int
    media_id: uuid.UUID


@dataclass(frozen=True)
class Move:
    """Move exactly these pictures to another group."""

    media_ids: Sequence[uuid.UUID]
    cluster_id: int


@dataclass(frozen=True)
class Merge:
    """Merge groups into another one."""

    cluster_ids: Sequence[int]
    into: int


@dataclass(frozen=True)
class Split:
    """Move these members of a group to a new group."""

    cluster_id: int
    media_ids: Sequence[uuid.UUID]
    label: str = ""


@dataclass(frozen=True)
class Extract:
    """Move pictures from any groups to one new group."""

    media_ids: Sequence[uuid.UUID]
    label: str = ""


@dataclass(frozen=True)
class Lock:
    """Stop automatic assignment to a group."""

    cluster_id: int


@dataclass(frozen=True)
class Unlock:
    """Resume automatic assignment to a group."""

    cluster_id: int


@dataclass(frozen=True)
class Dissolve:
    """Remove a group. Each member joins the nearest other group within the threshold, or stands alone."""

    cluster_id: int


@dataclass(frozen=True)
class Confirm:
    """Confirm that pictures are in the right group."""

    media_ids: Sequence[uuid.UUID]


Operation = Rename | ChooseRepresentative | Move | Merge | Split | Extract | Lock | Unlock | Dissolve | Confirm
