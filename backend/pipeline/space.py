"""The space that the pipeline embeds into."""

from dataclasses import asdict

from backend.db.spaces import NewSpace, activate_space, create_space, find_active_space, lock_spaces
from backend.db.tables import Space
from backend.services import Services


def open_active_space(services: Services) -> Space:
    """The active space, made from the configured encoders if there is none yet.

    Raises:
        SpaceMismatch: the configured encoders are not the ones that the space was made with.
        EncoderUnavailable: an encoder is not there.
    """
    with services.database.transaction() as session:
        space = find_active_space(session)
        if space is None:
            lock_spaces(session)
            space = find_active_space(session)
        if space is None:
            space = create_space(session, _describe(services))
            activate_space(session, space)
    services.require_space_of(space.image_fingerprint, space.text_fingerprint, space.name)
    return space


def _describe(services: Services) -> NewSpace:
    description = services.encoders.describe()
    return NewSpace(
        name=description.preset or "default",
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
