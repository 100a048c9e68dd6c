"""PgBouncer before the test server, in transaction mode. It is a package of the system: tests skip where it is not installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

import psycopg
import pytest

from backend.embedded.account import open_way, server_account
from tests.support.waiting import wait_for

_PORT = 6432


def find_pgbouncer() -> str:
    """The program. Skips the test where there is none."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        pytest.skip("pgbouncer is not installed (Debian and Ubuntu: apt-get install pgbouncer)")
    return found


@contextmanager
def transaction_pooler(home: Path, url: str, *, pool_size: int = 3) -> Iterator[str]:
    """The libpq URL of a pooler before the server under `home`, for the same database.

    Fewer sessions than clients, so that each transaction may get another's.
    """
    program = find_pgbouncer()
    folder = Path(tempfile.mkdtemp(prefix="mediacluster-pooler-"))
    account = server_account(home / "postgres")
    open_way(account, Path(program).parent)
    host = url.partition("host=")[2].partition("&")[0]
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        "[databases]\n"
        f"* = host={unquote(host)} port=5432 user=postgres\n"
        "[pgbouncer]\n"
        f"unix_socket_dir = {folder}\nlisten_port = {_PORT}\n"
        "auth_type = any\npool_mode = transaction\n"
        f"default_pool_size = {pool_size}\nserver_round_robin = 1\nmax_client_conn = 200\n"
    )
    for path in (folder, settings):
        os.chown(path, account.uid, account.gid)
    folder.chmod(0o755)
    log = folder / "pgbouncer.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [program, str(settings)], stdout=stream, stderr=stream, cwd=folder, **account.process_options()
        )
    own = url.replace(host, quote(str(folder))).replace("port=5432", f"port={_PORT}")
    try:
        wait_for(lambda: _answers(own), seconds=20)
        yield own
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False
