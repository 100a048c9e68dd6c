"""What the parts of the pipeline are handed: real things, made once per process by `backend.bootstrap`."""

from dataclasses import dataclass
from functools import cached_property

from backend.db.alphas import get_alpha
from backend.db.engine import Database
from backend.doorbell import Doorbell
from backend.embedding.encoders import Encoders, Lazy
from backend.errors import SpaceMismatch
from backend.ingest.decoders import Decoders
from backend.ingest.limits import FetchPolicy, Limits
from backend.ingest.storage import Storage
from backend.settings import Settings


@dataclass(frozen=True)
class Services:
    """Everything a step of the pipeline needs. Cheap to make: encoders are loaded when first used."""

    settings: Settings
    database: Database
    storage: Storage
    doorbell: Doorbell
    lazy_encoders: Lazy[Encoders]
    decoders: Decoders

    @cached_property
    def limits(self) -> Limits:
        return Limits.from_settings(self.settings)

    @cached_property
    def fetch_policy(self) -> FetchPolicy:
        return FetchPolicy.from_settings(self.settings)

    def read_alpha(self) -> float:
        """The weight of the image side where a query names none: what was chosen for the library, else the setting."""
        with self.database.transaction() as session:
            return get_alpha(session, self.settings.alpha)

    @property
    def encoders(self) -> Encoders:
        """The configured encoders; with nothing configured, those of the active space, else the preset `cpu`."""
        return self.lazy_encoders.get()

    def require_space_of(self, image_fingerprint: str, text_fingerprint: str, name: str) -> None:
        """Raise SpaceMismatch unless the configured encoders are the ones with these fingerprints."""
        own = self.encoders
        differing = [
            side
            for side, ours, theirs in (
                ("image", own.image_fingerprint, image_fingerprint),
                ("text", own.text_fingerprint, text_fingerprint),
            )
            if ours != theirs
        ]
        if differing:
            raise SpaceMismatch(
                f"The configured {' and '.join(differing)} encoder is not the one that space '{name}' was made with.",
                hint="Unset MEDIACLUSTER_PRESET and the model settings to use the space's own encoders, "
                "or use another MEDIACLUSTER_HOME or database for other encoders.",
            )
