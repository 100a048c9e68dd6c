"""Servers that come as packages: Postgres with pgvector, and Redis, both under one home folder.

They are used where `DATABASE_URL` or `REDIS_URL` is not set. No process owns them: the first that needs one starts
it, all others attach, and it runs until somebody stops it. Killing any of it at any time loses nothing committed.
"""

from dataclasses import dataclass
from pathlib import Path

from backend.embedded.postgres import ensure_postgres, start_postgres, status_postgres, stop_postgres
from backend.embedded.processes import ServerStatus, Started
from backend.embedded.redis import client_url, ensure_redis, start_redis, status_redis, stop_redis

__all__ = [
    "ServerStatus",
    "Servers",
    "Started",
    "Stopped",
    "client_url",
    "ensure_postgres",
    "ensure_redis",
    "ensure_servers",
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
    """Addresses of both servers, and which of them this call started: whoever started one may stop it."""

    database_url: str
    redis_url: str
    started_postgres: bool
    started_redis: bool


@dataclass(frozen=True)
class Stopped:
    """Which of the servers ran until they were stopped."""

    postgres: bool
    redis: bool


def ensure_servers(home: Path) -> Servers:
    """Both servers under `home`, started where they do not run.

    Raises:
        ConfigurationError: binaries are missing, or the home is of another version or another owner.
        BackendUnavailable: a server does not start; the error carries the end of its log.
    """
    postgres = start_postgres(home)
    redis = start_redis(home)
    return Servers(postgres.url, redis.url, postgres.started, redis.started)


def stop_servers(home: Path) -> Stopped:
    """Stop both servers under `home`, Redis first, so that nobody is rung for a database that has gone."""
    redis = stop_redis(home)
    return Stopped(postgres=stop_postgres(home), redis=redis)
