"""The command line as somebody types it: exit codes, readable errors, and what it starts."""

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image

from backend.cli import intake
from backend.cli.demo_run import require_demo_home
from backend.embedded import stop_servers
from backend.features.intake import accept_picture
from backend.features.services import Services
from backend.files.text import MediaText
from backend.settings import Settings
from backend.store.engine import Database
from tests.support.command_line import library_environment, run_command

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """What a shell has, with the test's library."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MEDIACLUSTER_")}
    return own | library_environment(settings) | {"MEDIACLUSTER_PRESET": "demo"}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run a command that prints and ends, in this process."""

    def call(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return run_command(*arguments, environment=environment | changes, folder=tmp_path)

    return call


@pytest.fixture
def run_process(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run a command in a process of its own, as a shell does."""

    def call(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "backend.cli", *arguments]
        own = environment | changes
        return subprocess.run(
            command, env=own, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False, cwd=tmp_path
        )

    return call


def test_help__names_every_command(run_process: Run) -> None:
    answer = run_process("--help")
    assert answer.returncode == 0
    for command in ("doctor", "demo", "import", "similar", "audit", "serve", "worker", "beat", "up", "status", "stop"):
        assert command in answer.stdout


def test_help__answers_without_loading_what_is_heavy() -> None:
    code = (
        "import sys, backend.cli; print([n for n in ('torch', 'sqlalchemy', 'celery', 'fastapi') if n in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_own_servers__nothing_embedded_starts(run: Run, settings: Settings, tmp_path: Path) -> None:
    assert settings.database_url is not None
    assert run("db", "url").stdout.strip() == settings.database_url.get_secret_value()
    assert run("status", "--json").returncode == 0
    (tmp_path / "pictures").mkdir()
    assert run("import", str(tmp_path / "pictures"), "--json").returncode == 0
    assert not (settings.home / "postgres").exists()
    assert not (settings.home / "redis").exists()


def test_import__says_what_is_not_right_with_accepted_pictures(
    run: Run, make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    (tmp_path / "pictures").mkdir()
    path = tmp_path / "pictures" / "a.jpg"
    Image.open(io.BytesIO(make_jpeg(1))).save(path, icc_profile=b"not a profile")

    report = json.loads(run("import", str(path.parent), "--json").stdout)

    assert (report["new"], report["failed"]) == (1, [])
    assert [(one["path"], one["code"]) for one in report["warnings"]] == [(str(path), "color_profile_ignored")]


@pytest.fixture
def short_home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="mediacluster-cli-"))
    home.chmod(0o755)
    yield home
    stop_servers(home)


def test_db_url__starts_the_embedded_server(run_process: Run, short_home: Path) -> None:
    answer = run_process("db", "url", MEDIACLUSTER_HOME=str(short_home), DATABASE_URL="", REDIS_URL="")
    assert answer.returncode == 0
    assert answer.stdout.startswith("postgresql://")
    assert (short_home / "postgres" / "postmaster.pid").exists()
    stopped = run_process("stop", MEDIACLUSTER_HOME=str(short_home), DATABASE_URL="", REDIS_URL="")
    assert "Postgres stopped" in stopped.stderr
    assert not (short_home / "postgres" / "postmaster.pid").exists()


@pytest.mark.parametrize(
    ("arguments", "changes", "code"),
    [
        (["import", "/nowhere/at/all"], {}, "file_unreadable"),
        (["similar", "0192f0c1-7d1e-7cc0-8d3c-0c6a3f1b2a11"], {}, "not_found"),
        (["media", "show", "0192f0c1-7d1e-7cc0-8d3c-0c6a3f1b2a11"], {}, "not_found"),
        (["media", "show", "0192f0c1-7d1e-7cc0-8d3c-0c6a3f1b2a11", "--json"], {}, "not_found"),
        (["status"], {"MEDIACLUSTER_THRESHOLD": "2"}, "configuration_error"),
        (["status"], {"DATABASE_URL": "nonsense"}, "configuration_error"),
        (["status"], {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "backend_unavailable"),
        (["db", "migrate"], {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "backend_unavailable"),
        (["serve", "--port", "1", "--host", "203.0.113.1"], {}, "configuration_error"),
    ],
)
def test_errors__one_readable_line_with_its_code(
    run: Run, arguments: list[str], changes: dict[str, str], code: str
) -> None:
    answer = run(*arguments, **changes)
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"{code}: ")
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""


def test_import__the_account_is_utf8_and_tells_all(
    run: Run, run_process: Run, make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    top = tmp_path / "pictures"
    names = [
        b"caf\xe9.jpg",
        "Größe.jpg".encode(),
        b"#recycle/old.jpg",
        b"private/x.jpg",
        b"private/.nomedia",
        b"no/y.jpg",
        b"m.mp4",
    ]
    for number, name in enumerate(names):
        path = top / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_jpeg(number))
    (top / "Größe.jpg.json").write_text('{"title": "T", "taken_at": "soon"}')
    (top / "lonely.json").write_text("{}")

    account = json.loads(run_process("import", str(top), "--json", "--exclude", "NO", LC_ALL="C").stdout)

    assert [one["path"] for one in account["media"]] == [f"{top}/Größe.jpg", f"{top}/caf\\xe9.jpg"]
    assert (account["new"], account["failed"], account["skipped"]) == (2, [], 2)
    (warning,) = account["warnings"]
    assert (warning["path"], warning["code"]) == (f"{top}/Größe.jpg.json", "invalid_text")
    assert {one["kind"]: (one["count"], one["examples"]) for one in account["left_out"]} == {
        "bin": (1, [f"{top}/#recycle"]),
        "nomedia": (1, [f"{top}/private"]),
        "excluded": (1, [f"{top}/no"]),
        "movie": (1, [f"{top}/m.mp4"]),
        "sidecar": (1, [f"{top}/lonely.json"]),
    }
    told = run("import", str(top), "--exclude", "NO").stdout
    assert "0 new, 2 duplicate, 0 failed" in told
    assert f"warning: {top}/Größe.jpg.json: invalid_text: taken_at" in told
    assert "left out 1 bin: #recycle" in told


def test_import__waiting_for_weights_that_cannot_be_had_ends(
    run: Run,
    database: Database,
    make_jpeg: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "_TRY_ENCODERS_AFTER_SECONDS", 0.0)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").write_bytes(make_jpeg(1))

    answer = run("import", "pictures", "--wait", MEDIACLUSTER_IMAGE_CHECKPOINT="/no/such/file.pt")

    assert answer.returncode == 1
    assert "encoder_unavailable" in answer.stderr
    assert "/no/such/file.pt" in answer.stderr
    with database.transaction() as session:  # it waits for better times
        assert session.execute(sa.text("SELECT status FROM media")).scalar_one() == "pending"


@pytest.mark.parametrize("home", ["of_another_model", "of_pictures_that_wait", "with_a_gallery_of_its_own"])
def test_demo__keeps_out_of_a_home_that_is_not_its_own(
    run: Run,
    services: Services,
    make_test_space: Callable[..., object],
    make_jpeg: Callable[..., bytes],
    home: str,
) -> None:
    gallery = services.settings.home / "gallery"
    if home == "of_another_model":
        make_test_space(services.database)
    elif home == "of_pictures_that_wait":
        accept_picture(services, make_jpeg(1), MediaText(), source="import", source_uri="/photos/a.jpg")
    else:
        gallery.mkdir(parents=True)
        (gallery / "holiday.jpg").write_bytes(make_jpeg(1))
    before = sorted(gallery.rglob("*"))

    answer = run("demo", "--once", "--count", "20")

    assert (answer.returncode, answer.stderr.partition(":")[0]) == (1, "conflict")
    assert "in a separate home" in answer.stderr
    assert sorted(gallery.rglob("*")) == before
    with services.database.transaction() as session:
        presets = session.execute(sa.text("SELECT preset FROM space")).scalars().all()
    assert "demo" not in presets


def test_demo__a_run_that_broke_off_is_gone_on_with(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    gallery = services.settings.home / "gallery"
    gallery.mkdir(parents=True)
    (gallery / ".labels.json").write_text("{}")
    (gallery / "a.jpg").write_bytes(make_jpeg(1))
    uri = str((gallery / "a.jpg").resolve())
    accept_picture(services, make_jpeg(1), MediaText(), source="import", source_uri=uri)
    require_demo_home(services)


def test_errors__a_password_is_not_shown(run: Run) -> None:
    answer = run("status", DATABASE_URL="mysql://somebody:geheim@127.0.0.1/x")
    assert "geheim" not in answer.stderr + answer.stdout


def test_doctor__says_how_to_mend_what_is_wrong(run: Run) -> None:
    answer = run(
        "doctor", "--json", REDIS_URL="redis://127.0.0.1:1/0", MEDIACLUSTER_IMAGE_CHECKPOINT="/no/such/file.pt"
    )
    assert answer.returncode == 1
    findings = {finding["name"]: finding for finding in json.loads(answer.stdout)}
    assert findings["database"]["ok"]
    assert findings["vector extension"]["ok"]
    assert findings["storage"]["ok"]
    for broken in ("broker", "encoders"):
        assert not findings[broken]["ok"]
        assert findings[broken]["hint"]
    assert "/no/such/file.pt" in findings["encoders"]["detail"]


def test_doctor__before_there_is_a_library(run: Run, empty_database_url: str) -> None:
    """As the first pages of the manual tell new users to: nothing is wrong yet, and the encoders are tried."""
    answer = run("doctor", "--json", DATABASE_URL=empty_database_url)
    findings = {finding["name"]: finding for finding in json.loads(answer.stdout)}
    assert [name for name, finding in findings.items() if not finding["ok"]] == []
    assert answer.returncode == 0
    assert "no library yet" in findings["database"]["detail"]
    assert "there is no space yet" in findings["encoders"]["detail"]
    assert set(findings) == {
        "home",
        "open files",
        "database",
        "vector extension",
        "broker",
        "storage",
        "encoders",
        "runtimes",
    }
    wrong = run("doctor", "--json", DATABASE_URL=empty_database_url, MEDIACLUSTER_IMAGE_CHECKPOINT="/no/such/file.pt")
    assert wrong.returncode == 1
    assert [finding["name"] for finding in json.loads(wrong.stdout) if not finding["ok"]] == ["encoders", "runtimes"]


def test_migrate__a_schema_of_a_newer_version(run: Run, database: Database) -> None:
    with database.transaction() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    answer = run("db", "migrate")
    assert answer.returncode == 1
    assert answer.stderr.startswith("configuration_error: The schema was made by a newer version")
    assert "Traceback" not in answer.stderr
    assert run("doctor", "--json").returncode == 0


def test_doctor__encoders_of_another_space(run: Run, make_services: Callable[..., Services]) -> None:
    from backend.features.steps import open_active_space

    open_active_space(make_services())
    assert run("doctor", "--json").returncode == 0
    answer = run("doctor", "--json", MEDIACLUSTER_PRESET="", MEDIACLUSTER_TEXT_MODEL=str(Path(__file__).parent))
    assert answer.returncode == 1
    encoders = next(finding for finding in json.loads(answer.stdout) if finding["name"] == "encoders")
    assert not encoders["ok"]


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",), ("search", "a boat")])
def test_start__encoders_of_no_space_stop_each_process(
    run_process: Run, make_services: Callable[..., Services], command: tuple[str, ...]
) -> None:
    from backend.features.steps import open_active_space

    open_active_space(make_services())
    answer = run_process(*command, MEDIACLUSTER_PRESET="", MEDIACLUSTER_TEXT_MODEL=str(Path(__file__).parent))
    assert answer.returncode == 1
    assert "space_mismatch" in answer.stderr
    assert "mediacluster space create" in answer.stderr


def test_space__from_the_command_line(
    run: Run, make_services: Callable[..., Services], narrow_image_model: str
) -> None:
    from backend.features.steps import open_active_space

    open_active_space(make_services())
    answer = run("space", "create", "--image-model", narrow_image_model, "--name", "narrow", "--json")
    assert json.loads(answer.stdout)["state"] == "building", answer.stderr
    assert json.loads(run("space", "fill", "narrow", "--json").stdout)["missing"] == 0
    spaces = json.loads(run("space", "list", "--json").stdout)
    assert [(space["name"], space["state"], space["image_dimension"]) for space in spaces] == [
        ("demo", "active", 128),
        ("narrow", "building", 96),
    ]
    refused = run("space", "compare", "narrow")
    assert (refused.returncode, "no vectors yet" in refused.stderr) == (1, True)
    # Nothing is in it, and so it can be activated at once.
    assert "replaces 'demo'" in run("space", "activate", "narrow", "--threshold", "0.8").stdout
    assert json.loads(run("space", "rollback", "--json").stdout)["name"] == "demo"
    assert run("space", "drop", "demo", "--yes").returncode == 1
    assert run("space", "drop", "narrow", "--yes").returncode == 0


def test_audit__exit_status_tells(run: Run, make_services: Callable[..., Services]) -> None:
    import sqlalchemy as sa

    assert run("audit", "--replay").stdout.splitlines()[-1] == "clean"
    with make_services().database.transaction() as session:
        session.execute(sa.text("INSERT INTO cluster DEFAULT VALUES"))
    answer = run("audit")
    assert answer.returncode == 1
    assert "empty_cluster: cluster_id=1" in answer.stdout
