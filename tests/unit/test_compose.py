"""No Docker engine where the tests run: both files are read, and what they name is looked up in the code."""

import json
import os
import re
import tomllib
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from pydantic import AliasChoices

from backend import supervision
from backend.bootstrap import vector_service_address
from backend.cli import app as cli
from backend.settings import Settings, load_settings
from backend.web.api.routes import health

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
GPU = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "api", "vectors", "worker", "assigner", "beat", "flower")
ONE_SHOT = "migrate"


def _instructions() -> list[tuple[str, str]]:
    """The Dockerfile as pairs of instruction and argument, comments gone and lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(name, argument) for name, argument in pairs]


def _arguments(name: str) -> list[str]:
    return [argument for instruction, argument in _instructions() if instruction == name]


def _variables() -> set[str]:
    """Every variable of ours that either file sets or reads."""
    text = "".join((ROOT / name).read_text() for name in ("docker-compose.yml", "docker-compose.gpu.yml", "Dockerfile"))
    return set(re.findall(r"\b(?:MEDIACLUSTER_[A-Z_]+|DATABASE_URL|REDIS_URL)\b", text))


def _settings_variables() -> set[str]:
    names = set()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        names.add(str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"MEDIACLUSTER_{name.upper()}")
    return names


def _parse_with_cli(command: list[str]) -> None:
    """Parse a `mediacluster` command as typer would, without running it."""
    assert command[0] == "mediacluster"
    found: Any = typer.main.get_command(cli)
    arguments = command[1:]
    while hasattr(found, "commands"):
        found = found.commands[arguments.pop(0)]
    found.make_context("mediacluster", arguments)


@pytest.mark.parametrize("service", [name for name in OURS if name != "flower"])
def test_compose__command_exists(service: str) -> None:
    _parse_with_cli(SERVICES[service]["command"])


def test_dockerfile__command_exists() -> None:
    _parse_with_cli(json.loads(_arguments("CMD")[-1]))


def test_parse_with_cli__refuses_what_is_not_there() -> None:
    with pytest.raises(KeyError):
        _parse_with_cli(["mediacluster", "db", "fly"])
    with pytest.raises(Exception, match="No such option"):
        _parse_with_cli(["mediacluster", "serve", "--wings"])
    with pytest.raises(Exception, match="is not one of"):
        _parse_with_cli(["mediacluster", "worker", "--role", "cook"])


def test_compose__flower_is_behind_a_profile_and_installed_by_an_extra() -> None:
    flower = SERVICES["flower"]
    assert flower["profiles"] == ["flower"]
    assert flower["command"][:4] == ["celery", "--app", "workers.celery_app", "flower"]
    assert find_spec("workers.celery_app") is not None
    assert all(port.startswith("127.0.0.1:") for port in flower["ports"])
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(requirement.startswith("flower") for extra in extras.values() for requirement in extra)
    assert any("--all-extras" in command for command in _arguments("RUN"))


def test_variables__are_settings() -> None:
    assert _variables() >= {"DATABASE_URL", "REDIS_URL", "MEDIACLUSTER_HOME", "MEDIACLUSTER_MODEL_CACHE"}
    assert _variables() - _settings_variables() == set()


@pytest.mark.parametrize("service", OURS)
def test_compose__waits_until_what_it_needs_is_healthy(service: str) -> None:
    waits = {name: need["condition"] for name, need in SERVICES[service]["depends_on"].items()}
    assert waits["postgres"] == "service_healthy"
    if service != ONE_SHOT:
        assert waits["redis"] == "service_healthy"
        assert waits[ONE_SHOT] == "service_completed_successfully"
    for name, condition in waits.items():
        if condition == "service_healthy":
            assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


@pytest.mark.parametrize("service", SERVICES)
def test_compose__restarts_and_grace(service: str) -> None:
    assert SERVICES[service]["restart"] == ("on-failure:3" if service == ONE_SHOT else "unless-stopped")
    if service in {"postgres", "api", "worker", "assigner"}:
        assert int(SERVICES[service]["stop_grace_period"].removesuffix("s")) >= 30


@pytest.mark.parametrize("service", OURS)
def test_compose__data_outlives_containers(service: str) -> None:
    assert dict(volume.split(":") for volume in SERVICES[service]["volumes"]) == {"media": "/data", "models": "/models"}
    environment = SERVICES[service]["environment"]
    assert environment["MEDIACLUSTER_HOME"] == "/data"
    assert environment["MEDIACLUSTER_MODEL_CACHE"] == "/models"


def test_compose__the_image_is_built_once_for_the_service_that_all_wait_for() -> None:
    """Builds of one name run side by side and collide; what is not built is not asked of a registry either."""
    assert [name for name, service in SERVICES.items() if "build" in service] == [ONE_SHOT]
    assert {SERVICES[name]["image"] for name in OURS} == {"mediacluster"}
    assert {SERVICES[name]["pull_policy"] for name in OURS} == {"never"}


def _interpolated(text: str, environment: dict[str, str]) -> str:
    """As Compose fills in `${NAME:-default}`, from the inside out."""
    while found := re.search(r"\$\{(\w+):-([^${}]*)\}", text):
        text = text.replace(found[0], environment.get(found[1]) or found[2])
    return text


@pytest.mark.parametrize("environment", [{}, {"DOCKER_SUBNET": "10.9.8.0/24"}], ids=["as_it_is", "another_subnet"])
def test_compose__a_proxy_on_the_machine_is_believed(environment: dict[str, str]) -> None:
    """It comes from the gateway, which is the first address of the network that all services are in."""
    (pool,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    subnet = ip_network(_interpolated(pool["subnet"], environment))
    proxies = _interpolated(SERVICES["api"]["environment"]["MEDIACLUSTER_TRUSTED_PROXIES"], environment)
    settings = load_settings(_env_file=None, trusted_proxies=proxies)
    assert any(next(subnet.hosts()) in ip_network(one) for one in settings.trusted_proxies)
    assert not any("network_mode" in service or "networks" in service for service in SERVICES.values())


def test_compose__gpu_file_merges() -> None:
    """It adds a GPU to services that are there and load encoders, and the build that can use it; it replaces nothing."""
    assert set(GPU["services"]) == {ONE_SHOT, "vectors", "worker"}
    built = GPU["services"][ONE_SHOT]
    assert set(built) == {"build"}
    assert set(built["build"]["args"]) == set(SERVICES[ONE_SHOT]["build"]["args"])
    assert _interpolated(built["build"]["args"]["TORCH_BACKEND"], {}).startswith("cu")
    for name in ("vectors", "worker"):
        added = GPU["services"][name]
        assert set(added) == {"environment", "deploy"}
        assert added["environment"].keys().isdisjoint(SERVICES[name]["environment"])
        assert "deploy" not in SERVICES[name]
        assert _interpolated(added["environment"]["MEDIACLUSTER_DEVICE"], {}) == "cuda"
        (device,) = added["deploy"]["resources"]["reservations"]["devices"]
        assert device["capabilities"] == ["gpu"]


def test_compose__volumes_are_declared() -> None:
    named = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert named == set(COMPOSE["volumes"])
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]  # where images since 18 keep data


def test_compose__no_secret_has_a_default() -> None:
    passwords = {
        value
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if "PASSWORD" in name
    }
    assert passwords
    assert all(value.startswith("${POSTGRES_PASSWORD:?") for value in passwords)
    urls = [service["environment"]["DATABASE_URL"] for name, service in SERVICES.items() if name in OURS]
    assert not any(re.search(r"//\w+:\w+@", url) for url in urls)


def test_compose__pgvector_is_new_enough() -> None:
    match = re.fullmatch(r"pgvector/pgvector:(\d+)\.(\d+)\.(\d+)-pg1[78]", SERVICES["postgres"]["image"])
    assert match is not None
    assert tuple(int(part) for part in match.groups()) >= (0, 8, 4)


@pytest.mark.parametrize(("service", "role"), [("worker", "embed"), ("assigner", "light")])
def test_compose__worker_health_asks_the_worker_itself(
    service: str, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)  # in a container, without an init
    command = supervision.worker_command(role)
    name = command[command.index("--hostname") + 1].replace("%h", "$$HOSTNAME")
    assert SERVICES[service]["command"][-1] == role
    assert "init" not in SERVICES[service]
    (pulse,) = re.findall(r'find "([^"]+)"', SERVICES[service]["healthcheck"]["test"][1])
    assert Path(pulse) == supervision.pulse_path(Path(SERVICES[service]["environment"]["MEDIACLUSTER_HOME"]), name)


def test_compose__clock_health_asks_the_clock_itself() -> None:
    (pulse,) = re.findall(r'find "([^"]+)"', SERVICES["beat"]["healthcheck"]["test"][1])
    assert Path(pulse) == supervision.pulse_path(Path("/data"), "beat-1@$$HOSTNAME")


def test_compose__vector_service_is_asked_over_its_socket() -> None:
    """All containers share /data, so the socket that one makes is the one that the others find."""
    (pulse,) = re.findall(r'find "([^"]+)"', SERVICES["vectors"]["healthcheck"]["test"][1])
    assert Path(pulse) == supervision.pulse_path(Path("/data"), "vectors-1@$$HOSTNAME")
    settings = load_settings(_env_file=None, home=Path("/data"))
    assert vector_service_address(settings).path == Path("/data/run/vectors.sock")
    assert {SERVICES[name]["environment"]["MEDIACLUSTER_VECTOR_SERVICE"] for name in OURS} == {"ask"}


def test_health_check_of_the_image__asks_a_route_that_exists() -> None:
    (check,) = _arguments("HEALTHCHECK")
    path = re.search(r"http://127\.0\.0\.1:8000(/[a-z/]+)", check)
    assert path is not None
    assert path[1] == "/health/ready"
    assert path[1] in {getattr(route, "path", None) for route in health.router.routes}


def test_dockerfile__two_stages_and_no_root() -> None:
    stages = _arguments("FROM")
    assert len(stages) == 2
    assert all(stage.startswith("python:3.12-slim") for stage in stages)
    instructions = _instructions()
    assert instructions[-1][0] == "CMD"
    last_run = max(index for index, (name, _) in enumerate(instructions) if name == "RUN")
    user = instructions.index(("USER", "mediacluster"))
    assert user > last_run
    assert set(json.loads(_arguments("VOLUME")[0])) == {"/data", "/models"}


def test_dockerfile__dependencies_are_a_layer_before_the_source() -> None:
    instructions = _instructions()
    dependencies = next(index for index, (_, text) in enumerate(instructions) if "--torch-backend" in text)
    source = instructions.index(("COPY", "backend backend"))
    assert dependencies < source
    assert ("ARG", "TORCH_BACKEND=cpu") in instructions


def test_dockerfile__all_that_is_copied_is_let_in_and_there() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        source
        for argument in _arguments("COPY")
        if not argument.startswith("--from")
        for source in argument.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)
