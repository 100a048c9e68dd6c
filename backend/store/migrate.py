"""Migration of the database schema."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from backend.errors import ConfigurationError, InputError
from backend.store.engine import translated_errors
from backend.store.extension import may_create_tables, read_vector_extension
from backend.store.functions import apply_functions, function_names
from backend.store.statements import Statements

# Alembic is imported where it is needed, because the import is slow and serving does not need it.
if TYPE_CHECKING:
    from alembic.config import Config

_SQL = Statements(__file__)
_REPOSITORY = Path(__file__).parents[2]
# Lock for migrations of a database. Any number that nobody else uses will do.
_MIGRATION_LOCK = 0x6D63_0001
# insufficient_privilege; feature_not_supported and undefined_file, if the server lacks a package.
_REFUSED_STATES = {"42501", "0A000", "58P01"}


def migrations_folder() -> Path:
    """Folder of the migrations: `alembic/` in a checkout, part of the package in a wheel."""
    for folder in (_REPOSITORY / "alembic", Path(__file__).parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise ConfigurationError("The migrations are not installed.", hint="Install the package again.")


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate up to `revision`. Does nothing if it is reached. Safe to call from several processes at once.

    `engine` must not lead through a pooler in transaction mode: see `Database.direct`.

    Raises:
        ConfigurationError: the schema is from a newer version, the server has no pgvector, or this role lacks privileges.
        InputError: the revision does not exist.
    """
    from alembic.util import CommandError

    from alembic import command

    with translated_errors(), engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
        connection.commit()
        try:
            _require_known(current_revision(connection))
            connection.commit()
            command.upgrade(_config(connection), revision)
            connection.commit()
            if current_revision(connection) == newest_revision() and has_stale_functions(connection):
                apply_functions(connection.execute)
            connection.commit()
        except CommandError as error:
            raise InputError(str(error), hint="Omit `--revision` to migrate to the newest.") from error
        except DBAPIError as error:
            connection.rollback()
            refusal = _explain_refusal(connection, getattr(error.orig, "sqlstate", None))
            if refusal is None:
                raise
            raise refusal from error
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()
            # It has the migrations' lock_timeout, and the search path from before them.
            connection.invalidate()


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Migrate down to `revision`."""
    from alembic import command

    with engine.connect() as connection:
        command.downgrade(_config(connection), revision)
        connection.commit()


def current_revision(connection: Connection) -> str | None:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def has_stale_functions(connection: Connection) -> bool:
    """Whether pgvector or the library was moved to another schema since the functions were applied. `upgrade` applies them again."""
    return connection.execute(text(_SQL("find_stale_function")), {"names": function_names()}).first() is not None


def newest_revision() -> str | None:
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(migrations_folder())).get_current_head()


def knows_revision(revision: str) -> bool:
    """Whether these migrations include this revision."""
    from alembic.script import ScriptDirectory

    return revision in {script.revision for script in ScriptDirectory(str(migrations_folder())).walk_revisions()}


def _require_known(revision: str | None) -> None:
    if revision is not None and not knows_revision(revision):
        raise ConfigurationError(
            f"The schema was made by a newer version, or by one before the first release (revision {revision}); "
            f"this version knows revisions up to {newest_revision()}.",
            hint="Update this installation. A library from before the first release cannot be migrated: import its pictures "
            "into a new one, with another MEDIACLUSTER_HOME or database.",
        )


def _explain_refusal(connection: Connection, state: str | None) -> ConfigurationError | None:
    """The error for a refusal of the server, None if it refused for another reason."""
    if state not in _REFUSED_STATES:
        return None
    if not may_create_tables(connection):
        return ConfigurationError(
            "The role in DATABASE_URL may not create tables in this database.",
            hint="Ask an administrator to make it the owner (`ALTER DATABASE name OWNER TO role`), then try again.",
        )
    return read_vector_extension(connection).lack


def leave_partitions_alone(_item: object, name: str | None, kind: str, _reflected: bool, _compare_to: object) -> bool:
    """Filter for alembic's comparison: partitions of `embedding` are created with spaces, not by migrations."""
    return not (kind == "table" and name is not None and name.startswith("embedding_"))


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    config.set_main_option("path_separator", "os")
    attributes: dict[str, Any] = config.attributes
    attributes["connection"] = connection
    return config
