"""The space that the pipeline embeds into."""

from dataclasses import asdict

from backend.encoders import Encoders
from backend.features.services import Services
from backend.store.schema import Space
from backend.store.spaces import NewSpace, activate_space, create_space, find_active_space, lock_spaces


def open_active_space(services: Services) -> Space:
    """The active space. If there is none, creates it for the configured encoders.

    Raises:
        SpaceMismatch: the configured encoders belong to no space of this library.
        EncoderUnavailable: an encoder is not available.
    """
    with services.database.transaction() as session:
        space = find_active_space(session)
        if space is None:
            lock_spaces(session)
            space = find_active_space(session)
        if space is None:
            space = create_space(session, describe_space(services.encoders))
            activate_space(session, space)
    services.encoders_of(space)
    return space


def describe_space(encoders: Encoders, name: str | None = None) -> NewSpace:
    """Describe a new space for these encoders. The default name is that of the preset.

    Raises:
        EncoderUnavailable: names, checkpoints or paths are invalid.
    """
    description = encoders.describe()
    return NewSpace(
        name=name or description.preset or "default",
        preset=description.preset,
        image_model=description.names.image_model,
        image_checkpoint=description.names.image_checkpoint or "",
        text_model=description.names.text_model,
        image_fingerprint=description.image_fingerprint,
        text_fingerprint=description.text_fingerprint,
        image_dimension=description.image_dimension,
        text_dimension=description.text_dimension,
        description=asdict(description),
    )
