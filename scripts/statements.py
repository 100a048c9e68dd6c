"""Write `docs/dev/statements.md`: every SQL statement file with its purpose and its plan.

python -m scripts.statements

The plans are generic, from a library of generated pictures in a temporary database.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.embedded.postgres import ensure_postgres, stop_postgres
from backend.store.arrays import as_psycopg
from backend.store.engine import Database
from backend.store.migrate import upgrade
from backend.store.spaces import NewSpace, activate_space, create_space
from backend.store.statements import PARTS

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "backend" / "store"
CATALOGUE = ROOT / "docs" / "dev" / "statements.md"
MEDIA, CLUSTERS, DIMENSION = 5_000, 500, 16

# The most frequent value of each {template}.
_TEMPLATES = PARTS | {
    "columns": "id, sha256, title, upload_seq",
    "extension": "public",
    "matching": "EXISTS (SELECT FROM media WHERE media.id = e.media_id AND media.location <> '')",
    "part": "true",
    "probing": "EXISTS (SELECT FROM media WHERE media.id = e.media_id AND media.location <> '')",
    "null_or_not": "NOT NULL",
    "schema": "public",
    "share": "",
    "since": "",
    "text_column": ", text_embedding",
    "values": ":id, :sha256, :title, :upload_seq",
    "which": "true",
}
# Types that Postgres cannot infer from the statement alone.
_TYPES = {"alpha": "float8", "threshold": "float8", "source": "text", "source_uri": "text", "urgency": "float8"}

_HEAD = f"""\
# Statements

Every statement file of `backend/store` with its purpose and its plan. Written by `make sql`; [SQL](sql.md) says how statements are written.

The plans are generic (`EXPLAIN (GENERIC_PLAN)`), of Postgres {{version}}, for {MEDIA:,} generated pictures in {CLUSTERS} groups. A `{{{{template}}}}` is
replaced by its most frequent value. Plans depend on the version and on the data: look at the difference that your change makes.
"""

_LIBRARY = f"""
INSERT INTO media (id, sha256, original_key, mime, width, height, byte_size, source, status, title, location, upload_seq,
                   embedded_at, ready_at)
SELECT gen_random_uuid(), sha256(place::text::bytea), 'originals/' || place, 'image/jpeg', 800, 600, 90000, 'upload', 'ready',
       'Picture ' || place, CASE WHEN place % 2 = 0 THEN 'Lofoten' ELSE '' END, nextval('media_upload_seq'), now(), now()
  FROM generate_series(1, {MEDIA}) AS place;
INSERT INTO embedding (space_id, media_id, image_embedding, text_embedding, caption_embedding)
SELECT 1, id, image, CASE WHEN upload_seq % 10 > 0 THEN image END, CASE WHEN upload_seq % 10 > 0 THEN image END
  FROM media
 CROSS JOIN LATERAL (
         SELECT l2_normalize(numbers::vector) AS image
           FROM (SELECT array_agg(random() - 0.5) AS numbers FROM generate_series(1, {DIMENSION}) WHERE media.upload_seq > 0) AS drawn
       ) AS made;
INSERT INTO cluster (id, label) OVERRIDING SYSTEM VALUE SELECT place, 'Group ' || place FROM generate_series(1, {CLUSTERS}) AS place;
INSERT INTO membership (media_id, cluster_id, space_id, similarity, threshold, founder, assign_seq)
SELECT id, upload_seq % {CLUSTERS} + 1, 1, 0.9, 0.8, upload_seq <= {CLUSTERS}, nextval('membership_assign_seq') FROM media;
INSERT INTO centroid (space_id, cluster_id, embedding_sum, member_count, centroid)
SELECT 1, cluster_id, sum(image_embedding)::real[]::float8[], count(*), l2_normalize(avg(image_embedding))
  FROM embedding JOIN membership USING (media_id)
 GROUP BY cluster_id;
"""  # noqa: S608 - of numbers of ours


def main() -> None:
    """Write the catalogue."""
    home = Path(tempfile.mkdtemp(prefix="mediacluster-sql-"))
    home.chmod(0o755)
    try:
        database = Database(ensure_postgres(home))
        upgrade(database.engine)
        with database.transaction() as session:
            _make_library(session)
        with psycopg.connect(_plain(database), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            version = connection.info.server_version // 10_000
            parts = [_entry(connection, path) for path in statement_files()]
        database.dispose()
    finally:
        stop_postgres(home)
        shutil.rmtree(home, ignore_errors=True)
    CATALOGUE.write_text("\n".join([_HEAD.format(version=version), *parts]), encoding="utf-8")


def statement_files() -> list[Path]:
    """All statement files. Functions have files and a test of their own."""
    return [path for path in sorted(STORE.rglob("*.sql")) if path.relative_to(STORE).parts[0] != "functions"]


def title_of(path: Path) -> str:
    """Name of a statement in the catalogue: package, module and statement."""
    return path.relative_to(STORE).with_suffix("").as_posix()


def purpose_of(statement: str) -> str:
    """The leading comment of a statement file."""
    lines = []
    for line in statement.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines)


def _make_library(session: Session) -> None:
    names = ("image_model", "image_checkpoint", "text_model", "image_fingerprint", "text_fingerprint")
    new = NewSpace(
        name="made-up",
        preset=None,
        **dict.fromkeys(names, "made-up"),
        image_dimension=DIMENSION,
        text_dimension=DIMENSION,
        description={},
    )
    activate_space(session, create_space(session, new))
    for statement in _LIBRARY.split(";\n"):
        if statement.strip():
            session.execute(sa.text(statement))


def _plain(database: Database) -> str:
    return str(database.url).replace("postgresql+psycopg://", "postgresql://")


def _entry(connection: psycopg.Connection, path: Path) -> str:
    statement = path.read_text(encoding="utf-8")
    plan = "\n".join(_plan(connection, _filled(statement, path)))
    return f"## {title_of(path)}\n\n{purpose_of(statement)}\n" + (f"\n```text\n{plan}\n```\n" if plan else "")


def _filled(statement: str, path: Path) -> str:
    """The statement with a value for each {template}, which may be the content of a file next to it."""

    def fill(found: re.Match[str]) -> str:
        if found[1] in _TEMPLATES:
            return _TEMPLATES[found[1]]
        return next(path.parent.glob(f"*{found[1]}.sql")).read_text(encoding="utf-8")

    return "\n".join(
        line if line.startswith("--") else re.sub(r"\{(\w+)\}", fill, line) for line in statement.splitlines()
    )


def _plan(connection: psycopg.Connection, statement: str) -> Iterator[str]:
    """The plan, nothing for a part of other statements."""
    first = next(line for line in statement.splitlines() if not line.startswith("--"))
    if first.split()[0] not in {"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"}:
        return
    places: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found[1]
        place = f"${places.setdefault(name, len(places) + 1)}"
        if found[2]:
            return f"{place}::"
        return f"CAST({place} AS {_TYPES[name]})" if name in _TYPES else place

    numbered = re.sub(r"%\((\w+)\)s(::)?", number, as_psycopg(statement)).replace("%%", "%")
    for (line,) in connection.execute(f"EXPLAIN (GENERIC_PLAN, COSTS OFF)\n{numbered}".encode()):
        yield line


if __name__ == "__main__":
    main()
