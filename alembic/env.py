"""Runs migrations against the database of the settings (or a connection handed in by `backend.store.migrate`)."""

from sqlalchemy import Connection

from alembic import context
from backend.bootstrap import open_database
from backend.settings import load_settings
from backend.store.engine import sqlalchemy_url
from backend.store.migrate import leave_partitions_alone
from backend.store.schema import Base

# Long enough for a busy table to become free, short enough not to stop the traffic behind the waiting lock.
LOCK_TIMEOUT = "10s"


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=leave_partitions_alone,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        context.run_migrations()


if context.is_offline_mode():
    context.configure(
        url=sqlalchemy_url("postgresql://"),
        target_metadata=Base.metadata,
        literal_binds=True,
        dialect_name="postgresql",
    )
    with context.begin_transaction():
        context.run_migrations()
elif (handed_in := context.config.attributes.get("connection")) is not None:
    run(handed_in)
else:
    database = open_database(load_settings())
    with database.direct.engine.connect() as own:
        run(own)
    database.dispose()
