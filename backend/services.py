"""What the parts of the pipeline are handed: real things, made once per process by `backend.bootstrap`."""

from dataclasses import dataclass
from functools import cached_property

from backend.db.engine import Database
from backend.db.spaces import find_active_space
from backend.doorbell import Doorbell
from backend.embedding.encoders import Encoders, load_encoders
from backend.embedding.presets import EncoderNames, resolve_encoders
from backend.errors import SpaceMismatch
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

    @cached_property
    def limits(self) -> Limits:
        return Limits.from_settings(self.settings)

    @cached_property
    def fetch_policy(self) -> FetchPolicy:
        return FetchPolicy.from_settings(self.settings)

    @cached_property
    def encoders(self) -> Encoders:
        """The configured encoders; with nothing configured, those of the active space, else the preset `cpu`."""
        return load_encoders(self.settings, self._encoder_names())

    def _encoder_names(self) -> EncoderNames:
        chosen = self.settings
        if chosen.preset or chosen.image_model or chosen.image_checkpoint or chosen.text_model:
            return resolve_encoders(chosen)
        with self.database.transaction() as session:
            space = find_active_space(session)
        if space is None:
            return resolve_encoders(chosen)
        if space.preset is None:
            return EncoderNames(space.image_model, space.image_checkpoint, space.text_model)
        # By its preset rather than by its names: these may hold the path of another checkout.
        return resolve_encoders(chosen.model_copy(update={"preset": space.preset}))

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
