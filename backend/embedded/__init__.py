"""Embedded servers: Postgres with pgvector, and Redis, both from packages and under one home folder.

They are used if `DATABASE_URL` or `REDIS_URL` is not set. No process owns them: the first that needs a server starts it,
others connect to it, and it runs until it is stopped. A `ServerKeeper` starts it again when it has died. Killing any process at any time loses nothing that was committed.
"""

from dataclasses import dataclass
from pathlib import Path

from backend.embedded.keeper import POSTGRES, REDIS, EmbeddedServer, ServerKeeper
from backend.embedded.postgres import ensure_postgres, start_postgres, status_postgres, stop_postgres
from backend.embedded.processes import ServerStatus, Started
from backend.embedded.redis import client_url, ensure_redis, start_redis, status_redis, stop_redis
from backend.embedded.sockets import make_socket_folder, socket_folder

__all__ = [
    "POSTGRES",
    "REDIS",
    "EmbeddedServer",
    "ServerKeeper",
    "ServerStatus",
    "Servers",
    "Started",
    "Stopped",
    "client_url",
    "ensure_postgres",
    "ensure_redis",
    "ensure_servers",
    "make_socket_folder",
    "socket_folder",
    "start_postgres",
    "start_redis",
    "status_postgres",
    "status_redis",
    "stop_postgres",
    "stop_redis",
    "stop_servers",
]


@dataclass(frozen=True)
class Servers:
    """The addresses of both servers, and which of them this call started. The caller may stop those that it started.

    Attributes:
        database_url: libpq URL of the database.
        redis_url: URL of Redis in Celery's form.
        started_postgres: whether this call started Postgres.
        started_redis: whether this call started Redis.
    """

    database_url: str
    redis_url: str
    started_postgres: bool
    started_redis: bool


@dataclass(frozen=True)
class Stopped:
    """The servers that a call stopped.

    Attributes:
        postgres: whether Postgres was running.
        redis: whether Redis was running.
    """

    postgres: bool
    redis: bool


def ensure_servers(home: Path) -> Servers:
    """Start both servers under `home` unless they already run.

    Raises:
        ConfigurationError: binaries are missing, or the home belongs to a different version or account.
        BackendUnavailable: a server does not start; the error carries the end of its log.
    """
    postgres = start_postgres(home)
    redis = start_redis(home)
    return Servers(postgres.url, redis.url, postgres.started, redis.started)


def stop_servers(home: Path) -> Stopped:
    """Stop both servers under `home`. Redis stops first, so that no worker is called while there is no database."""
    redis = stop_redis(home)
    return Stopped(postgres=stop_postgres(home), redis=redis)
