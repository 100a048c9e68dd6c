"""What a curator can do to groups, as values."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rename:
    """Give a cluster a label of the curator's own."""

    cluster_id: int
    label: str


@dataclass(frozen=True)
class ChooseRepresentative:
    """Let one member stand for its cluster."""

    cluster_id: int
    media_id: uuid.UUID


@dataclass(frozen=True)
class Move:
    """Put media into another cluster: these, and no others."""

    media_ids: Sequence[uuid.UUID]
    cluster_id: int


@dataclass(frozen=True)
class Merge:
    """Let clusters go up in another one."""

    cluster_ids: Sequence[int]
    into: int


@dataclass(frozen=True)
class Split:
    """Part a cluster in two: these members go to a new cluster, the others stay."""

    cluster_id: int
    media_ids: Sequence[uuid.UUID]
    label: str = ""


@dataclass(frozen=True)
class Extract:
    """Take media out of wherever they are into one new cluster."""

    media_ids: Sequence[uuid.UUID]
    label: str = ""


@dataclass(frozen=True)
class Lock:
    """Let a cluster take no automatic members."""

    cluster_id: int


@dataclass(frozen=True)
class Unlock:
    """Let a cluster take automatic members again."""

    cluster_id: int


@dataclass(frozen=True)
class Dissolve:
    """Give a cluster up: each member joins the nearest other one that is near enough, or stands alone."""

    cluster_id: int


@dataclass(frozen=True)
class Confirm:
    """Say of media that they are where they belong."""

    media_ids: Sequence[uuid.UUID]


Operation = Rename | ChooseRepresentative | Move | Merge | Split | Extract | Lock | Unlock | Dissolve | Confirm
