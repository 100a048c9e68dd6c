"""Real servers for the tests: one embedded Postgres and Redis per run, a fresh database cloned for each test."""

import gc
import itertools
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
import redis

from backend.bootstrap import build_services
from backend.embedded import client_url, ensure_servers
from backend.features.services import Services
from backend.settings import Settings, load_settings
from backend.store import migrate
from backend.store.engine import Database
from backend.store.migrate import migrations_folder, newest_revision, upgrade
from scripts.demo_spaces import write_narrow_model
from tests.support.servers import forgetful_servers

pytest_plugins = ["tests.support.clients"]

_PREFIX = f"test_{uuid.uuid4().hex[:8]}"  # of all databases of this process
_TEMPLATE = f"{_PREFIX}_template"
# Single tests in these take from twenty seconds to minutes, and would keep the others waiting if they came last.
_LONG_FILES = frozenset({"test_chaos.py", "test_workers.py", "test_docs_commands.py", "test_admin_model.py"})

_DATABASE_NUMBERS = itertools.count(1)

# What the machine of a developer may have set must not reach the tests.
for name in [name for name in os.environ if name.startswith("MEDIACLUSTER_") or name in {"DATABASE_URL", "REDIS_URL"}]:
    del os.environ[name]
# A service takes seconds to start. Tests of it start their own.
os.environ["MEDIACLUSTER_VECTOR_SERVICE"] = "off"

# How long a busy machine takes for an example says nothing of the code.
hypothesis.settings.register_profile("tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, else as collected: pages, servers, and last the many that take milliseconds."""
    items.sort(key=lambda item: item.path.name not in _LONG_FILES)


def pytest_collection_finish() -> None:
    gc.set_threshold(10_000, 10, 10)
    _set_aside()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is not None and nextitem.path != item.path:
        _set_aside()


def pytest_sessionfinish() -> None:
    gc.unfreeze()  # what was left open is found at the end


def _set_aside() -> None:
    """Collect garbage, and have the collector look no more at what is in memory now: modules, tests and what they share.

    Looking at a million such objects again and again took it a quarter of all computing.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run alone, which all its processes share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def servers_home() -> Iterator[Path]:
    """A home with running servers, shared by all tests of this process."""
    with forgetful_servers() as home:
        yield home


@pytest.fixture(scope="session")
def server_url(servers_home: Path) -> Iterator[str]:
    """The libpq URL of the maintenance database, on the server of `TEST_DATABASE_URL` if that is set."""
    given = os.environ.get("TEST_DATABASE_URL")
    url = _with_database(given or ensure_servers(servers_home).database_url, "postgres")
    yield url
    if given:
        with psycopg.connect(url, autocommit=True) as connection:
            names = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [_PREFIX])
            for (name,) in names.fetchall():
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def template(server_url: str) -> str:
    """A migrated database that each test gets a copy of."""
    _execute(server_url, f"CREATE DATABASE {_TEMPLATE}")
    database = Database(_with_database(server_url, _TEMPLATE))
    upgrade(database.engine)
    database.dispose()
    return _TEMPLATE


@pytest.fixture(scope="session")
def make_database_url(server_url: str) -> Callable[[str | None], str]:
    """Make databases, copies of a template or empty. They go with the server at the latest."""

    def make(template: str | None) -> str:
        name = f"{_PREFIX}_{uuid.uuid4().hex[:12]}"
        _execute(
            server_url, f"CREATE DATABASE {name}" + (f" TEMPLATE {template} STRATEGY file_copy" if template else "")
        )
        return _with_database(server_url, name)

    return make


@pytest.fixture
def empty_database_url(make_database_url: Callable[[str | None], str]) -> str:
    return make_database_url(None)


@pytest.fixture
def copy_database(make_database_url: Callable[[str | None], str], server_url: str) -> Iterator[Callable[[str], str]]:
    """Copy databases by name. The copies go with the test: a thousand would fill the disk."""
    made: list[str] = []

    def copy(name: str) -> str:
        made.append(make_database_url(name))
        return made[-1]

    yield copy
    for url in made:
        _execute(server_url, f"DROP DATABASE {_database_name(url)} WITH (FORCE)")


@pytest.fixture
def database_url(copy_database: Callable[[str], str], template: str) -> str:
    """The libpq URL of a migrated, empty library of this test alone."""
    return copy_database(template)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The revision that the next release would add: a column, and the SQL functions as they are then."""
    revision = "9000"
    folder = tmp_path / "next_release"
    shutil.copytree(migrations_folder(), folder)
    (folder / f"versions/{revision}_next.py").write_text(
        f"""
from alembic import op
from backend.store.functions import apply_functions
revision, down_revision = "{revision}", "{newest_revision()}"

def upgrade():
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE media ADD COLUMN next text NOT NULL DEFAULT ''")
    apply_functions(op.execute)

def downgrade():
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE media DROP COLUMN next")
    apply_functions(op.execute)
"""
    )
    monkeypatch.setattr(migrate, "migrations_folder", lambda: folder)
    return revision


@pytest.fixture
def settings(database_url: str, servers_home: Path, tmp_path: Path) -> Settings:
    """Settings of a fresh library with the demo encoders, a database and a broker of its own.

    Nobody is asked who they are; tests of logins and keys say so.
    """
    number = next(_DATABASE_NUMBERS) % 15 + 1
    redis_url = ensure_servers(servers_home).redis_url.replace("virtual_host=0", f"virtual_host={number}")
    with redis.Redis.from_url(client_url(redis_url)) as broker:
        broker.flushdb()  # what an earlier test of the same number has rung is nothing to this one
    return load_settings(
        _env_file=None,
        home=tmp_path / "home",
        database_url=database_url,
        redis_url=redis_url,
        preset="demo",
        sweep_interval_seconds=1.0,
        authentication="none",
        allowed_hosts=("testserver",),
    )


@pytest.fixture
def make_services(settings: Settings) -> Iterator[Callable[..., Services]]:
    """Make services over the test's library, with some settings changed."""
    made: list[Services] = []

    def make(**changes: object) -> Services:
        services = build_services(settings.model_copy(update=changes))
        made.append(services)
        return services

    yield make
    for services in made:
        services.database.dispose()


@pytest.fixture
def services(make_services: Callable[..., Services]) -> Services:
    return make_services()


@pytest.fixture(scope="session")
def narrow_image_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The demo image model on 96 of its 128 dimensions, as a `local-dir:` name."""
    return write_narrow_model(tmp_path_factory.mktemp("narrow-model"))


def _database_name(url: str) -> str:
    """The name of the database in a libpq URL."""
    return url.partition("?")[0].rpartition("/")[2]


def _with_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
