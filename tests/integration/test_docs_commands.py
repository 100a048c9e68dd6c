"""The shell commands of README and documentation, run as they stand there.

All fences of a page are one script of bash, over a library that has the ids which the pages name. On its PATH,
`mediacluster` hands its words to the command line in this process (one of its own would take seconds to start), and `curl`
goes to the API that this test serves instead of to port 8000. Lines that cannot run here are named with their reason;
`tests/unit/test_docs.py` parses the calls in them all the same.
"""

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image
from typer.testing import CliRunner

from backend.bootstrap import build_services
from backend.cli import app
from backend.cli.keys import create_key
from backend.embedded import ensure_servers
from backend.embedded.pgdata import binaries
from backend.features.access import Browser, create_account, log_in_by_link, make_login_link
from backend.features.duplicates import compare_waiting
from backend.features.editing import Merge, Rename, perform
from backend.features.intake import accept_picture
from backend.features.review import judge, refresh_queue
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, open_active_space
from backend.features.transfer import export
from backend.files.text import MediaText
from backend.settings import Settings, load_settings
from backend.store.review import QueryKind
from backend.web.server import create_web_app
from scripts.demo_site import serving

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = [
    uuid.UUID(one)
    for one in (
        "01a20757-dbbc-7203-b2a8-d64a814c904f",
        "01a20757-d863-70bc-b47f-d85b27863934",
        "01a2075a-aa17-75bc-9f74-8eb27d78cba7",
        "018f2c1e-8a00-7000-8000-000000000001",
        "018f2c1e-8a00-7000-8000-000000000002",
    )
]
EVENT = 17

# Folders that tell kinds apart, items of the review, a login: what the pages speak of.
_SAID = """
UPDATE media SET source_uri = '/photos/kind ' || upload_seq % 4 || '/' || upload_seq || '.jpg';
INSERT INTO review_item (kind, subject, urgency, media_id, cluster_id, other_cluster_id, figures) VALUES
  ('merge_candidate', '3:17', 1, NULL, 3, 17, '{"similarity": 0.9, "threshold": 0.82}')
ON CONFLICT (kind, subject) DO NOTHING;
"""

# What cannot run in a test, and why.
LEFT_OUT = {
    r"^make ": "sets up a whole machine, or serves for ever",
    r"^TORCH_BACKEND=": "sets up a whole machine",
    r"docker (compose|build|run)": "there is no Docker; tests/unit/test_compose.py reads the file",
    r"^cp \.env|>> \.env$|^sudo ": "belongs to Docker",
    r"^(MEDIACLUSTER_\S+ )?mediacluster (up|serve|worker|beat|vectors|demo|stop)\b": "serves for ever, or ends servers that other tests use",
    r"^mediacluster import .*https?://|example\.org|^aws ": "asks another machine",
    r"^mediacluster doctor": "looks at servers that the page names, or at models that are not here",
    r"^export ((MEDIACLUSTER_DIRECT_)?DATABASE_URL=.postgres|REDIS_URL|MEDIACLUSTER_STORAGE|AWS_|MEDIACLUSTER_(DEVICE|PRESET|IMAGE|DATABASE_POOLER|VECTOR_SERVICE))": (
        "leads to servers, devices and models that are not here"
    ),
    r"^\. \.venv": "the test is in it already",
    r"\.venv/bin/(pytest|alembic|mutmut)|-m scripts\.mutants|^pre-commit|^bash scripts/": "works on the checkout; the tests are running already",
    r"workers\.celery_app|from workers import": "loads the encoders of the preset, or runs for ever",
    r"^(createdb|dropdb|rm -rf) ": "makes and removes databases outside this test",
    r'^psql "\$\(mediacluster db url\)"$': "waits for somebody to type",
    r"from-folder": "MEDIACLUSTER_IMPORT_ROOTS names no folder here",
    r"^DATABASE_URL=|^MEDIACLUSTER_HOME=\S+ mediacluster (restore|repair)": "restores beside this library; tests/integration/test_backup.py does",
    r"^mediacluster space (compare|activate|rollback)": "the preset's weights are not here; test_change_of_model.py does, with another model",
    r"^mediacluster optimize": "takes a hundred pictures and half a minute; test_optimizing.py does",
    r"^mediacluster decide small_margin": "no decision is that narrow here; test_review_api.py does",
    r"^mediacluster retry 01a2": "no picture has failed here; test_pipeline.py does",
    r"^mediacluster (account create|account password)": "asks for a password at a terminal; tests/integration/test_accounts.py answers it",
}

_SHIM = """#!{python} -S
import json, os, sys, urllib.request
words = {{"words": sys.argv[1:], "environment": {{n: v for n, v in os.environ.items() if n.startswith(("MEDIACLUSTER_", "DATABASE_", "REDIS_"))}}, "folder": os.getcwd()}}
answer = json.load(urllib.request.urlopen("{url}", json.dumps(words).encode()))
sys.stdout.write(answer["out"]); sys.stderr.write(answer["err"]); sys.exit(answer["code"])
"""
_CURL = """#!/bin/bash
exec {curl} --fail-with-body --silent --show-error "${{@//http:\\/\\/127.0.0.1:8000/{server}}}"
"""


def _fences(page: Path) -> list[str]:
    return re.findall(r"^```(?:sh|bash)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def _commands(page: Path) -> list[str]:
    """The commands of a page, one a line, without their comments."""
    lines = [line for fence in _fences(page) for line in fence.replace("\\\n", " ").splitlines()]
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _reason(command: str) -> str | None:
    return next((reason for pattern, reason in LEFT_OUT.items() if re.search(pattern, command)), None)


WITH_COMMANDS = [page for page in PAGES if any(_reason(command) is None for command in _commands(page))]


@contextmanager
def command_line() -> Iterator[str]:
    """Serve the command line of this process; yields the URL that the words of a call go to."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            before, folder = dict(os.environ), Path.cwd()
            os.environ |= asked["environment"]
            os.chdir(asked["folder"])
            try:
                result = CliRunner().invoke(app, asked["words"], input="y\n" * 3)
            finally:
                os.chdir(folder)
                os.environ.clear()
                os.environ |= before
            failure = "" if isinstance(result.exception, SystemExit | None) else repr(result.exception)
            body = json.dumps({"out": result.stdout, "err": result.stderr + failure, "code": result.exit_code}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def filled(
    servers_home: Path,
    template: str,
    make_database_url: Callable[[str | None], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Services:
    """Groups 1 to 24 of a picture each, media with the ids that the pages name, and an event of theirs. Each page gets a copy."""
    home = tmp_path_factory.mktemp("docs") / "home"
    services = build_services(_settings(make_database_url(template), servers_home, home, threshold=0.999999))
    pictures = [_make_jpeg(seed, 160, 120) for seed in range(23)]
    pictures.append(_make_jpeg(6, 80, 60))  # a smaller version of one of the named
    space = open_active_space(services)
    # The fourth picture and its smaller version are those that the pages on curating name.
    named = {0: NAMED[0], 1: NAMED[1], 2: NAMED[2], 6: NAMED[3], 23: NAMED[4]}
    for place, picture in enumerate(pictures):
        text = MediaText(title=f"Picture {place}", caption="A lighthouse at dusk", keywords=("sea",))
        accepted = accept_picture(services, picture, text, source="test", ring=False)
        if place in named:
            with services.database.transaction() as session:
                session.execute(sa.text("DELETE FROM media_reading WHERE media_id = :old"), {"old": accepted.media_id})
                session.execute(
                    sa.text("UPDATE media SET id = :new WHERE id = :old"),
                    {"new": named[place], "old": accepted.media_id},
                )
    while embed_batch(services, space):
        pass
    Assigner(services, space).assign_waiting()
    with services.database.transaction() as session:
        session.execute(sa.text(f"ALTER TABLE cluster_event ALTER id RESTART {EVENT}"))
    perform(services, Rename(12, "Moorings"), actor="docs")
    for first, second in ((10, 11), (14, 15)):
        perform(services, Merge([second], first), actor="docs")
        perform(services, Rename(first, f"Group {first}"), actor="docs")
    ids = [str(one) for one in _list_ids(services)]
    for query in ids[:2]:
        judge(services, QueryKind.MEDIA, query, uuid.UUID(ids[5]), is_right=True, actor="docs")
        judge(services, QueryKind.MEDIA, query, uuid.UUID(ids[7]), is_right=False, actor="docs")
    for name in ("ada", "carl"):
        create_account(services.database, name, "curator", "correct horse battery", actor="docs")
    link = make_login_link(services.database, "ada", actor="docs")[1]
    with services.database.transaction() as session:
        session.execute(sa.text("ALTER TABLE account_session ALTER id RESTART 7"))
    log_in_by_link(services.database, link, Browser("127.0.0.1", "docs"), session_seconds=3600)
    for name in ("blog", "ci"):
        create_key(services.database, name, "read", [])
    _write_files(services, ids)
    compare_waiting(services)
    refresh_queue(services)
    with services.database.transaction() as session:
        session.execute(sa.text(_SAID))
    services.database.dispose()
    return services


@pytest.fixture
def library(
    filled: Services, servers_home: Path, make_database_url: Callable[[str | None], str], tmp_path: Path
) -> Iterator[Services]:
    assert filled.settings.database_url is not None
    name = filled.settings.database_url.get_secret_value().partition("?")[0].rpartition("/")[2]
    settings = _settings(make_database_url(name), servers_home, tmp_path / "home")
    shutil.copytree(filled.settings.home_path / "storage", settings.home_path / "storage")
    for folder in (tmp_path / "Pictures", tmp_path / "backups"):
        folder.mkdir()
    (tmp_path / "Pictures" / "1.jpg").write_bytes(_make_jpeg(98, 160, 120))
    shutil.copytree(filled.settings.home_path / "files", tmp_path, dirs_exist_ok=True)
    services = replace(build_services(settings), lazy_encoders=filled.lazy_encoders)
    yield services
    services.database.dispose()


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands__run_as_they_stand(page: Path, library: Services, tmp_path: Path) -> None:
    settings = library.settings
    assert settings.database_url is not None
    assert settings.redis_url is not None
    programs = tmp_path / "bin"
    programs.mkdir()
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{programs}:{binaries()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "MEDIACLUSTER_HOME": str(settings.home),
        "MEDIACLUSTER_PRESET": "demo",
        "MEDIACLUSTER_AUTHENTICATION": "login",
        "ID": str(NAMED[0]),
    }
    script = "\n".join(
        f"{_prepared(command)}\nstatus=$?; [ $status = 0 ] || printf '%s: %s\\n' $status {shlex.quote(command)} >> failures"
        for command in _commands(page)
        if _reason(command) is None
    )
    with command_line() as url, serving(create_web_app(library)) as server:
        _write_program(programs / "mediacluster", _SHIM.format(python=sys.executable, url=url))
        _write_program(programs / "curl", _CURL.format(curl=_which("curl"), server=server.replace("/", "\\/")))
        environment["KEY"] = _make_key(environment, programs)
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-x", "-c", script],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    failures = tmp_path / "failures"
    assert not failures.exists(), f"{failures.read_text()}\n{done.stderr[-6000:]}"


def test_commands__what_is_left_out_is_still_there() -> None:
    """A reason that nothing needs any more goes; and most commands run."""
    commands = [command for page in PAGES for command in _commands(page)]
    for pattern in LEFT_OUT:
        assert any(re.search(pattern, command) for command in commands), pattern
    run = [command for command in commands if _reason(command) is None]
    assert len(run) > len(commands) / 2


def _list_ids(services: Services) -> list[uuid.UUID]:
    with services.database.transaction() as session:
        return list(session.execute(sa.text("SELECT id FROM media ORDER BY upload_seq")).scalars())


def _write_files(services: Services, ids: list[str]) -> None:
    """What the pages name and a reader would have."""
    folder = services.settings.home_path / "files"
    folder.mkdir()
    gallery = folder / ".mediacluster" / "gallery"
    gallery.mkdir(parents=True)
    for seed, name in ((99, "lighthouse.jpg"), (97, "holiday.jpg")):
        (folder / name).write_bytes(_make_jpeg(seed, 160, 120))
    labels = {media_id: f"kind {place % 3}" for place, media_id in enumerate(ids)}
    for name in ("groups.json", "labels.json"):
        (folder / name).write_text(json.dumps(labels))
    (gallery / ".labels.json").write_text(json.dumps(labels))
    rows = "\n".join(f"{media_id},{label}" for media_id, label in labels.items())
    (folder / "manifest.csv").write_text(f"id,kind\n{rows}\n")
    (folder / "list.csv").write_text("path,title\nholiday.jpg,A holiday\n")
    (folder / "queries.txt").write_text("a lighthouse\na harbour\n")
    (folder / "wordings.json").write_text(json.dumps({"kind 0": ["the first kind"], "kind 1": ["the second kind"]}))
    for name in ("photo-embeddings.json", "vectors.parquet", "vectors.npz"):
        export(services.database, folder / name)


def _settings(database_url: str, servers_home: Path, home: Path, **more: float) -> Settings:
    redis_url = ensure_servers(servers_home).redis_url
    return load_settings(
        _env_file=None, home=home, database_url=database_url, redis_url=redis_url, preset="demo", **more
    )


def _make_jpeg(seed: int, width: int, height: int) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 255, size=(6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _prepared(command: str) -> str:
    """No worker runs here: what waits for one would wait in vain. Absolute places are those of the test."""
    command = command.replace(" --wait", "").replace("wait_seconds=20", "wait_seconds=0")
    return re.sub(r"(?<=\s)/(backups|pictures)\b", r"~/\1", command)


def _write_program(path: Path, content: str) -> None:
    path.write_text(content)
    path.chmod(0o755)


def _which(program: str) -> str:
    return subprocess.run(
        ["bash", "-c", f"command -v {program}"], capture_output=True, text=True, check=True
    ).stdout.strip()


def _make_key(environment: dict[str, str], programs: Path) -> str:
    command = [str(programs / "mediacluster"), *shlex.split("key create docs --scope admin --json")]
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return str(json.loads(made.stdout)["key"])
