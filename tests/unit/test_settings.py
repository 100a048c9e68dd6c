"""Settings, and the files that are written from them."""

import asyncio
import re
import runpy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from backend.cli.http_server import server_config
from backend.errors import ConfigurationError
from backend.settings import Settings, cache_folder, load_settings
from backend.web.middleware.heads import TimedHeads

ROOT = Path(__file__).parents[2]
WRITER = runpy.run_path(str(ROOT / "scripts/write_env_example.py"))
ENV_EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
FOR_COMPOSE = {"POSTGRES_PASSWORD", "TORCH_BACKEND", "DOCKER_SUBNET"}

_ENTRY = re.compile(r"^#(\w+)=(.*)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(WRITER["variable_of"](name), raising=False)


def _defaults() -> Settings:
    return load_settings(_env_file=None)


# --- settings ------------------------------------------------------------------------------------------------


def test_load_settings__from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIACLUSTER_THRESHOLD", "0.9")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/library")
    monkeypatch.setenv("MEDIACLUSTER_FETCH_PORTS", "[8080]")
    monkeypatch.setenv("MEDIACLUSTER_IMPORT_ROOTS", "/pictures:/more")
    settings = _defaults()
    assert settings.threshold == 0.9
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://db/library"
    assert settings.fetch_ports == (8080,)
    assert settings.import_roots == (Path("/pictures"), Path("/more"))


def test_load_settings__environment_before_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MEDIACLUSTER_API_PORT=1\nMEDIACLUSTER_PRESET=demo\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("MEDIACLUSTER_API_PORT", "2")
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert (settings.api_port, settings.preset) == (2, "demo")
    assert load_settings(api_port=3).api_port == 3


def test_load_settings__empty_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("MEDIACLUSTER_PRESET", "")
    assert _defaults() == Settings(_env_file=None)
    assert _defaults().preset is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MEDIACLUSTER_THRESHOLD", "0"),
        ("MEDIACLUSTER_ALPHA", "1.5"),
        ("MEDIACLUSTER_PRESET", "gpu"),
        ("MEDIACLUSTER_ASSIGN_BATCH_SIZE", "257"),
        ("MEDIACLUSTER_MAX_PIXELS", "300000000"),
        ("MEDIACLUSTER_API_PORT", "http"),
        ("MEDIACLUSTER_TRUSTED_PROXIES", "10.0.0.7/24"),
        ("MEDIACLUSTER_TRUSTED_PROXIES", "nginx"),
        ("MEDIACLUSTER_TRUSTED_PROXIES", "*,10.0.0.7"),
    ],
)
def test_load_settings__names_what_cannot_be_used(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=variable) as caught:
        _defaults()
    assert repr(value) in caught.value.detail
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    ("proxies", "asked_by"),
    [
        ("127.0.0.1, 10.1.0.0/16", ("https", "203.0.113.9")),
        ("*", ("https", "203.0.113.9")),
        ("127.0.0.1,10.2.0.0/16", ("http", "10.1.2.3")),
        ("", ("http", "10.1.2.3")),
    ],
    ids=["network", "any", "another", "none"],
)
def test_trusted_proxies__are_believed_who_asked(proxies: str, asked_by: tuple[str, str]) -> None:
    """What a proxy at 10.1.2.3 says, as the application comes to see it."""
    seen: dict[str, Any] = {}

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        seen.update(scope)

    config = server_config(application, load_settings(_env_file=None, trusted_proxies=proxies))  # type: ignore[arg-type]
    config.load()
    headers = [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-proto", b"https")]
    scope = {"type": "http", "scheme": "http", "client": ("10.1.2.3", 5), "headers": headers, "path": "/", "state": {}}

    def run() -> None:
        asyncio.run(config.loaded_app(scope, None, None))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()
    assert (seen["scheme"], seen["client"][0]) == asked_by


def test_settings__are_frozen_and_keep_secrets() -> None:
    settings = load_settings(_env_file=None, database_url="postgresql://me:secret@db/library")
    with pytest.raises(ValidationError):
        settings.threshold = 0.5  # type: ignore[misc]
    assert "secret" not in repr(settings)


def test_settings__home_and_storage(tmp_path: Path) -> None:
    settings = load_settings(_env_file=None, home=tmp_path / "a" / ".." / "b")
    assert settings.home_path == tmp_path / "b"
    assert settings.resolved_storage_url == f"file://{tmp_path}/b/storage"
    assert not settings.home_path.exists()
    assert load_settings(_env_file=None, home=Path("~/x")).home_path == Path.home() / "x"
    assert load_settings(_env_file=None, storage_url="s3://bucket").resolved_storage_url == "s3://bucket"


# --- .env.example and the reference --------------------------------------------------------------------------


def test_env_example__names_every_setting_once() -> None:
    names = [name for name, _ in _ENTRY.findall(ENV_EXAMPLE)]
    assert len(names) == len(set(names))
    assert set(names) == {WRITER["variable_of"](name) for name in Settings.model_fields} | FOR_COMPOSE


def test_env_example__sets_nothing_as_it_is(tmp_path: Path) -> None:
    assert all(line.startswith("#") for line in ENV_EXAMPLE.splitlines() if line)
    assert load_settings(_env_file=_written(tmp_path, ENV_EXAMPLE)) == _defaults()


def test_env_example__values_are_the_defaults(tmp_path: Path) -> None:
    assert load_settings(_env_file=_written(tmp_path, _ENTRY.sub(r"\1=\2", ENV_EXAMPLE))) == _defaults()


def test_env_example__every_value_is_read(tmp_path: Path) -> None:
    """The test above could not fail if what is uncommented were not read at all."""
    changed = _ENTRY.sub(r"\1=\2", ENV_EXAMPLE).replace("ALPHA=0.6", "ALPHA=0.7")
    assert load_settings(_env_file=_written(tmp_path, changed)).alpha == 0.7


def test_env_example__says_what_each_is_for() -> None:
    for name in Settings.model_fields:
        told = re.search(rf"^# (.+)\n#{WRITER['variable_of'](name)}=", ENV_EXAMPLE, re.MULTILINE)
        assert told is not None
        assert told[1].startswith(WRITER["describe"](name))


@pytest.mark.parametrize(
    ("render", "path"),
    [
        (lambda _old: WRITER["render_env_example"](), ".env.example"),
        (WRITER["render_reference"], "docs/reference/settings.md"),
    ],
    ids=["env_example", "reference"],
)
def test_written_files__are_up_to_date(render: Any, path: str) -> None:
    old = (ROOT / path).read_text(encoding="utf-8")
    assert render(old) == old, "A setting has changed: run `python scripts/write_env_example.py`."


def test_env_example__variables_of_compose_are_used_there() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    assert all(f"${{{name}:" in compose for name in FOR_COMPOSE)


def _written(folder: Path, content: str) -> Path:
    path = folder / "settings.env"
    path.write_text(content, encoding="utf-8")
    return path


def test_threshold__is_read_as_what_holds_until_a_curator_chooses_one() -> None:
    """Code that needs the library's threshold asks for it with the setting as the default, and never uses the setting directly."""
    root = ROOT / "backend"
    readers = [
        (file.relative_to(root).as_posix(), line.strip())
        for file in root.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if "settings.threshold" in line
    ]
    assert readers
    as_default = re.compile(r"\(session, (\S+, )?(services\.)?settings\.threshold\b|\"MEDIACLUSTER_THRESHOLD\": ")
    assert [line for _, line in readers if not as_default.search(line)] == []


@pytest.mark.parametrize(("given", "folder"), [("/var/c", "/var/c"), ("", "/home/me/.cache"), ("c", "/home/me/.cache")])
def test_cache_folder__follows_the_specification(monkeypatch: pytest.MonkeyPatch, given: str, folder: str) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    assert cache_folder() == Path(folder) / "mediacluster"


def test_server__times_heads() -> None:
    """What `test_slow_clients.py` looks at is what is served."""
    config = server_config(FastAPI(), load_settings(_env_file=None))
    config.load()
    assert config.http_protocol_class is TimedHeads
