"""Bring a database to the newest schema, or back."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, text

from backend.db.engine import translated_errors
from backend.errors import ConfigurationError

# Alembic is imported by what needs it: serving does not, and it takes long.
if TYPE_CHECKING:
    from alembic.config import Config

_REPOSITORY = Path(__file__).parents[2]
# One migration at a time per database; any number will do, as long as nobody else uses it.
_MIGRATION_LOCK = 0x6D63_0001


def migrations_folder() -> Path:
    """The folder of the migrations: `alembic/` in a checkout, packed into the package in a wheel."""
    for folder in (_REPOSITORY / "alembic", Path(__file__).parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise ConfigurationError("The migrations are not installed.", hint="Install the package again.")


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate up to `revision`; does nothing where it is reached. Safe to call from several processes at once."""
    from alembic import command

    with translated_errors(), engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
        connection.commit()
        try:
            command.upgrade(_config(connection), revision)
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Migrate down to `revision`."""
    from alembic import command

    with engine.connect() as connection:
        command.downgrade(_config(connection), revision)
        connection.commit()


def current_revision(connection: Connection) -> str | None:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(migrations_folder())).get_current_head()


def knows_revision(revision: str) -> bool:
    """Whether a schema of this revision can be brought up to date by these migrations."""
    from alembic.script import ScriptDirectory

    return revision in {script.revision for script in ScriptDirectory(str(migrations_folder())).walk_revisions()}


def leave_partitions_alone(_item: object, name: str | None, kind: str, _reflected: bool, _compare_to: object) -> bool:
    """For alembic's comparison: the partitions of `embedding` come and go with spaces, not with migrations."""
    return not (kind == "table" and name is not None and name.startswith("embedding_"))


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    config.set_main_option("path_separator", "os")
    attributes: dict[str, Any] = config.attributes
    attributes["connection"] = connection
    return config
