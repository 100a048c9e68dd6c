"""A standby of the test server, made as an administrator makes one: `pg_basebackup`, then streaming."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from backend.embedded import start_postgres, stop_servers
from backend.embedded.account import Account, open_way, server_account
from backend.embedded.pgdata import ENVIRONMENT, MAJOR_VERSION, binaries
from tests.support.waiting import wait_for

_FORGETFUL = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"}


def run_as_server(command: list[str | Path], account: Account, folder: Path) -> None:
    """Run a program as the account of the server."""
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False, **account.process_options()
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def standby_of(primary_home: Path, primary_url: str) -> Iterator[str]:
    """The libpq URL of a server that follows the one under `primary_home`, for the same database. It goes with the test."""
    with psycopg.connect(primary_url.replace("postgresql+psycopg://", "postgresql://")) as primary:
        if primary.info.server_version // 10_000 != int(MAJOR_VERSION):
            pytest.skip(f"a standby is of the version of its primary, and Postgres {MAJOR_VERSION} is packaged")
    folder = Path(tempfile.mkdtemp(prefix="mediacluster-standby-"))
    try:
        folder.chmod(0o755)
        account = server_account(primary_home / "postgres")
        open_way(account, binaries())
        data = folder / "postgres"
        data.mkdir(mode=0o700)
        shutil.chown(data, account.uid, account.gid)
        source = primary_url.replace("postgresql+psycopg://", "postgresql://")
        run_as_server(
            [binaries() / "pg_basebackup", "-d", source, "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync"],
            account,
            data,
        )
        own = start_postgres(folder, _FORGETFUL).url
        yield primary_url.replace(_host(primary_url), _host(own))
    finally:
        stop_servers(folder)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_replay(primary_url: str, standby_url: str) -> None:
    """Until the standby shows what is committed on the primary by now."""
    with psycopg.connect(primary_url, autocommit=True) as primary:
        (position,) = primary.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone() or ("",)
    with psycopg.connect(standby_url, autocommit=True) as standby:

        def has_replayed() -> bool:
            row = standby.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [position]).fetchone()
            return row is not None and bool(row[0])

        wait_for(has_replayed)


def _host(url: str) -> str:
    return url.partition("host=")[2].partition("&")[0]
