"""The only place where real things meet: settings -> engine, storage, encoders, queue."""

from backend.settings import Settings


def resolve_database_url(settings: Settings) -> str:
    """The libpq URL of the database; starts the embedded server where none is configured."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    from backend.embedded.postgres import ensure_postgres

    settings.home_path.mkdir(parents=True, exist_ok=True)
    return ensure_postgres(settings.home_path)
