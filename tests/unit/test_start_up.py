"""What starts in a moment must not load what computes: seen by what a fresh process has imported, not by the clock."""

import subprocess
import sys

import pytest

# Seconds each, most of them; the encoders, the projection and the evaluation load them when they are asked for.
HEAVY = (
    "torch", "torchvision", "sentence_transformers", "transformers", "open_clip", "onnxruntime", "sklearn", "umap", "scipy",
    "pandas", "pyarrow", "skimage",
)  # fmt: skip
# What serving needs for a few requests only, or for none.
RARE = ("alembic", "bs4")

_HELP = """
from typer.testing import CliRunner
from backend.cli import app
assert CliRunner().invoke(app, ["--help"]).exit_code == 0
"""

# What the clock does before its first message. The addresses lead nowhere: it connects later.
_CLOCK = """
import os
os.environ.update(REDIS_URL="redis://127.0.0.1:9/0", DATABASE_URL="postgresql://127.0.0.1:9/a")
from workers.clock_app import app
app.loader.init_worker()
app.finalize()
assert app.conf.beat_schedule
"""


def imported_by(statement: str) -> set[str]:
    """The packages that a fresh process has in it after the statement."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ended.stdout.rpartition("\n")[0].rpartition("\n")[2].split())


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        ("import backend.web.server, backend.bootstrap, backend.cli.http_server", (*HEAVY, *RARE)),
        (
            _HELP,
            (*HEAVY, *RARE, "sqlalchemy", "fastapi", "celery", "PIL"),
        ),
        (
            "import backend.cli, backend.bootstrap, backend.features.services, backend.features.model_change",
            (*HEAVY, *RARE, "fastapi"),
        ),
        ("import backend.cli.servers, backend.bootstrap", (*HEAVY, *RARE, "sqlalchemy", "fastapi", "celery", "PIL")),
        (_CLOCK, (*HEAVY, *RARE, "numpy", "sqlalchemy", "psycopg", "fastapi", "PIL")),
    ],
    ids=["serve", "help", "status", "command", "clock"],
)
def test_start_up__imports_nothing_heavy(statement: str, refused: tuple[str, ...]) -> None:
    found = imported_by(statement)
    assert found & {"typer", "fastapi", "celery"}
    assert found & set(refused) == set()
