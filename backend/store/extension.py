"""Checks for pgvector: whether the server has it, and whether this role may create it in this database."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from backend.errors import ConfigurationError
from backend.store.statements import Statements

_SQL = Statements(__file__)


@dataclass(frozen=True)
class VectorExtension:
    """State of the extension: its version in this database, the version that the server offers, None if there is none."""

    installed: str | None
    available: str | None
    may_create: bool

    @property
    def lack(self) -> ConfigurationError | None:
        """The error if the first migration cannot create the extension, with who can help. None if it can."""
        if self.installed is not None or (self.available is not None and self.may_create):
            return None
        if self.available is None:
            return ConfigurationError(
                "This Postgres has no pgvector.",
                hint="Install pgvector on the server (for example the package postgresql-18-pgvector, or an "
                "image that has it), then try again.",
            )
        return ConfigurationError(
            "The role in DATABASE_URL may not install the extension `vector`.",
            hint="Ask an administrator to run `CREATE EXTENSION vector` in this database, then try again.",
        )


def read_vector_extension(connection: Connection) -> VectorExtension:
    row = connection.execute(text(_SQL("read_vector_extension"))).one()
    return VectorExtension(**row._asdict())


def may_create_tables(connection: Connection) -> bool:
    """Whether this role may create tables in the schema. It need not own the database."""
    return bool(connection.execute(text("SELECT has_schema_privilege(current_schema(), 'CREATE')")).scalar_one())
