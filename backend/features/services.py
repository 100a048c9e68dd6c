"""The services that features are given: created once per process by `backend.bootstrap`."""

from dataclasses import dataclass
from functools import cached_property

from backend.doorbell import Doorbell
from backend.encoders import (
    EncoderNames,
    EncoderPool,
    Encoders,
    Lazy,
    has_set_runtimes,
    is_configured,
    load_encoders,
    recorded_runtimes,
    resolve_encoders,
)
from backend.errors import SpaceMismatch
from backend.features.search import HostVectors, OpenEncoders, OwnVectors, VectorSource, encoders_by
from backend.files.decoding import Decoders
from backend.files.limits import FetchPolicy, Limits
from backend.files.storage import Storage
from backend.settings import Settings
from backend.store.engine import Database
from backend.store.schema import Space
from backend.store.search import ScanKeeper
from backend.store.spaces import get_alpha, list_spaces
from backend.vector_protocol import ServiceLink


@dataclass(frozen=True)
class Services:
    """Everything that the pipeline needs. Cheap to create: encoders are loaded on first use.

    `vector_service` is the link to the vector service of the host, None if this process keeps vectors and encoders itself.
    """

    settings: Settings
    database: Database
    storage: Storage
    doorbell: Doorbell
    lazy_encoders: Lazy[Encoders]
    decoders: Decoders
    scans: ScanKeeper
    vector_service: ServiceLink | None = None

    @cached_property
    def limits(self) -> Limits:
        return Limits.from_settings(self.settings)

    @cached_property
    def fetch_policy(self) -> FetchPolicy:
        return FetchPolicy.from_settings(self.settings)

    def read_alpha(self) -> float:
        """The default weight of the image similarity: the one chosen for the library, otherwise the setting."""
        with self.database.transaction() as session:
            return get_alpha(session, self.settings.alpha)

    @cached_property
    def vectors(self) -> VectorSource:
        """The vectors in memory, for queries."""
        own = OwnVectors(self.scans)
        return own if self.vector_service is None else HostVectors(self.vector_service, own)

    @cached_property
    def query_encoders(self) -> OpenEncoders:
        """Opens the encoders of a space, for queries. They raise as `encoders_of`."""
        return encoders_by(self.vector_service, self.encoders_of)

    @cached_property
    def encoder_pool(self) -> EncoderPool:
        """Encoders of spaces other than that of `encoders`."""
        return EncoderPool()

    @property
    def encoders(self) -> Encoders:
        """The configured encoders. If none are configured, those of the space that was active on first use, otherwise the preset `cpu`.
        For a given space, use `encoders_of`."""
        return self.lazy_encoders.get()

    def encoders_of(self, space: Space) -> Encoders:
        """The encoders of a space: the configured ones if they match, otherwise those that it recorded.

        Raises:
            SpaceMismatch: the configured encoders belong to no space of this library, or the recorded ones have changed or are gone.
            EncoderUnavailable: local model files are missing.
        """
        fingerprints = space.image_fingerprint, space.text_fingerprint
        own = self.encoders
        if (own.image_fingerprint, own.text_fingerprint) == fingerprints:
            return own
        return self.encoder_pool.get(fingerprints, lambda: self._open_recorded(space))

    def _open_recorded(self, space: Space) -> Encoders:
        if is_configured(self.settings) or has_set_runtimes(self.settings):
            self._require_known_encoders(space)
        runtimes = recorded_runtimes(space.image_fingerprint, space.text_fingerprint)
        encoders = load_encoders(self.settings, names_of_space(self.settings, space), runtimes=runtimes)
        differing = _differing(encoders, space)
        if differing:
            raise SpaceMismatch(
                f"The {' and '.join(differing)} encoder on this machine is not the one that space "
                f"'{space.name}' was created with.",
                hint="Restore its files, or create a new space with `mediacluster space create`.",
            )
        return encoders

    def _require_known_encoders(self, active: Space) -> None:
        """Check the configured encoders. After a change of model, they may still be those of an earlier space."""
        own = self.encoders.image_fingerprint, self.encoders.text_fingerprint
        with self.database.transaction() as session:
            spaces = list_spaces(session)
        if own not in {(space.image_fingerprint, space.text_fingerprint) for space in spaces}:
            differing = _differing(self.encoders, active)
            raise SpaceMismatch(
                f"The configured {' and '.join(differing)} encoder is not the one that space "
                f"'{active.name}' was created with.",
                hint="Unset MEDIACLUSTER_PRESET and the settings of models and runtimes to use the space's own encoders, change the model "
                "of this library with `mediacluster space create`, or use another MEDIACLUSTER_HOME or database.",
            )


def names_of_space(settings: Settings, space: Space) -> EncoderNames:
    """The encoders to load for a space. The preset comes first, because stored names may contain a path on another machine."""
    if space.preset is None:
        return EncoderNames(space.image_model, space.image_checkpoint or None, space.text_model)
    bare = {"preset": space.preset, "image_model": None, "image_checkpoint": None, "text_model": None}
    return resolve_encoders(settings.model_copy(update=bare))


def _differing(encoders: Encoders, space: Space) -> list[str]:
    return [
        side
        for side, ours, theirs in (
            ("image", encoders.image_fingerprint, space.image_fingerprint),
            ("text", encoders.text_fingerprint, space.text_fingerprint),
        )
        if ours != theirs
    ]
