# ruff: noqa: INP001 - scripts, not a package
"""The admin pages of a large library: the wall of 10,000 groups, a group, a picture, and the map of 100,000 pictures.

    python -m benchmarks.pages
    python -m benchmarks.pages --browser             # and how long Chromium takes for them
    python -m benchmarks.pages --groups 50000 --json

Server times cover whole requests within one process: statements, template and bytes, without network and login. Browser times are of
headless Chromium, whose WebGL runs on the CPU without a graphics card. There are no thumbnails.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import sqlalchemy as sa
from fastapi.testclient import TestClient
from playwright.sync_api import Page

from backend.bootstrap import build_services
from backend.features.services import Services
from backend.settings import load_settings
from backend.store.engine import Database
from backend.store.evaluation import find_standing, list_mapped, pack_points, record_report
from backend.web.server import create_web_app
from benchmarks.frame import Row
from benchmarks.transfer import copy_all, drop_indexes, make_media, make_space, open_home
from benchmarks.vectors import Matrix, Vectors
from scripts.demo_site import Look, open_browser, open_context, serving

TARGET_MS = 100
MEMBERS = 10
# Number of members that a person might scroll through. In a group this large, each page compares all members.
LARGEST = 2_000
_MAPPED = 100_000
_SPREAD = 0.6
_ROUNDS = 60
_VIEWS = 3
_FILL = (
    """UPDATE media SET status = 'ready', ready_at = now(), source = 'benchmark', original_key = 'k', title = 'Picture ' || upload_seq,
              sha256 = sha256(CAST(id::text AS bytea)), width = 400, height = 300, mime = 'image/jpeg', byte_size = 100000""",
    "INSERT INTO cluster (label) SELECT 'harbour, boats, quay ' || n FROM generate_series(1, CAST(:groups AS integer)) n",
    """CREATE TEMPORARY TABLE placed AS
       SELECT id AS media_id, upload_seq, (SELECT min(id) FROM cluster) + CASE WHEN upload_seq <= CAST(:largest AS bigint) THEN 0
              ELSE 1 + (upload_seq - CAST(:largest AS bigint) - 1) % CAST(:others AS bigint) END AS cluster_id FROM media""",
    """INSERT INTO centroid (space_id, cluster_id, embedding_sum, member_count, centroid)
       SELECT :space, cluster_id, CAST(sum(image_embedding) AS real[]), count(*), l2_normalize(sum(image_embedding))
         FROM placed JOIN embedding USING (media_id) GROUP BY cluster_id""",
    """INSERT INTO membership (media_id, cluster_id, space_id, similarity, threshold, founder)
       SELECT DISTINCT ON (media_id) media_id, cluster_id, :space, 1 - (image_embedding <=> centroid), 0.82,
              upload_seq = min(upload_seq) OVER (PARTITION BY cluster_id)
         FROM placed JOIN embedding USING (media_id) JOIN centroid USING (cluster_id)""",
)


@dataclass(frozen=True)
class Line:
    """Times of one operation in ms, and bytes of the response or of the JavaScript heap."""

    what: str
    p50_ms: float
    p95_ms: float
    size_bytes: int


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--groups", type=int, default=10_000, help=f"of {MEMBERS} pictures each, but for one of {LARGEST}"
    )
    parser.add_argument("--browser", action="store_true", help="open them in Chromium, too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with open_pages(options.groups) as services:
        lines = list(measure(services, _ROUNDS))
        if options.browser:
            lines += look(services)
    if options.json:
        sys.stdout.write(json.dumps([asdict(line) for line in lines], indent=2) + "\n")
        return 0
    sys.stdout.write(f"{options.groups:,} groups\n\n| | p50 ms | p95 ms | kB |\n|---|---|---|---|\n")
    for line in lines:
        sys.stdout.write(f"| {line.what} | {line.p50_ms:.1f} | {line.p95_ms:.1f} | {line.size_bytes / 1000:,.0f} |\n")
    return 0


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`: server times of each page, compared with the target."""
    with open_pages(int(10_000 * scale)) as services:
        for line in measure(services, 30):
            note = f"{line.size_bytes:,} bytes; p50 {line.p50_ms:.1f} ms"
            yield Row(f"{line.what}, p95", line.p95_ms, "ms", "less", "what pages promise", TARGET_MS, note=note)


@contextmanager
def open_pages(groups: int) -> Iterator[Services]:
    """A library of this many groups, with vectors of the usual dimensions, and its map. It is deleted at the end."""
    with open_home() as (home, database):
        begun = time.perf_counter()
        _fill(database, groups)
        services = build_services(
            load_settings(
                _env_file=None,
                home=home,
                preset="demo",
                authentication="none",
                allowed_hosts=("testserver", "127.0.0.1"),
            )
        )
        services.scans.refresh()  # a server does this some seconds after its first search
        sys.stderr.write(f"made the library in {time.perf_counter() - begun:.0f} s\n")
        yield services
        services.database.dispose()


def measure(services: Services, rounds: int) -> Iterator[Line]:
    """Server times of each page, and of its follow-up requests."""
    with TestClient(create_web_app(services)) as client:
        for sort in ("largest", "newest", "least-coherent", "label"):
            yield _time(f"wall, {sort} first", client, f"/admin/?sort={sort}", rounds)
        if following := _sentinel(client, "/admin/"):  # a small library has a single page
            yield _time("wall, its next page", client, following, rounds)
        yield _time("wall, labels with a word", client, "/admin/clusters/wall?q=quay+77", rounds)
        yield _time("wall, what is new", client, "/admin/clusters/news?after=0", rounds)
        large, small = _groups(services)
        yield _time("group of 10", client, f"/admin/clusters/{small}", rounds)
        yield _time(f"group of {LARGEST:,}", client, f"/admin/clusters/{large}", rounds)
        if following := _sentinel(client, f"/admin/clusters/{large}"):
            yield _time(f"group of {LARGEST:,}, its next page", client, following, rounds)
        in_small, in_large = _member(services, small), _member(services, large)
        yield _time("picture", client, f"/admin/media/{in_small}", rounds)
        yield _time(f"picture in a group of {LARGEST:,}", client, f"/admin/media/{in_large}", rounds)
        yield _time("picture, similar ones at every alpha", client, f"/admin/media/{in_small}/similar", rounds)
        yield _time("map, its page", client, "/admin/quality/map", rounds)
        yield _time("map, all points", client, "/admin/quality/map/points", max(rounds // 6, 3))
        yield _time("map, one point", client, "/admin/quality/map/points/77", rounds)


def look(services: Services) -> list[Line]:
    """Browser times until the wall, the largest group, a picture with similar ones and the map are shown, and of moving the map."""
    large, small = _groups(services)
    pages = {
        "wall": ("/admin/", ".card"),
        f"group of {LARGEST:,}": (f"/admin/clusters/{large}", "[data-media]"),
        "picture with similar ones": (f"/admin/media/{_member(services, small)}", "[data-hits] [data-figure]"),
        "map": ("/admin/quality/map", "#map[data-ready]"),
    }
    with serving(create_web_app(services)) as server, open_browser() as browser:
        context = open_context(browser, Look())
        # Measure the page without the thumbnails that this library lacks.
        context.route("**/pictures/**", lambda route: route.abort())
        page = context.new_page()
        lines = [_open(page, name, server + path, sign) for name, (path, sign) in pages.items()]
        return [*lines, *_use_map(page)]


def _open(page: Page, name: str, url: str, sign: str) -> Line:
    page.goto(url)
    shown = page.locator(sign).first
    times = [_passed(partial(page.goto, url), partial(shown.wait_for, timeout=120_000)) for _ in range(_VIEWS)]
    return _line(f"browser: {name}", times, int(page.evaluate("performance.memory.usedJSHeapSize")))


def _use_map(page: Page) -> list[Line]:
    canvas = page.locator("canvas")
    canvas.focus()
    frame = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    moved, found = [], []
    for place in range(20):
        key = "ArrowLeft" if place % 2 else "ArrowRight"
        moved.append(_passed(partial(page.keyboard.press, key), partial(page.evaluate, frame)))
        pointing = partial(canvas.hover, position={"x": 500.0 + 20 * place, "y": 400.0})
        found.append(_passed(pointing, partial(page.evaluate, frame)))
    return [_line("browser: moving the map", moved, 0), _line("browser: pointing at the map", found, 0)]


def _fill(database: Database, groups: int) -> None:
    space = make_space(database, 1)
    drop_indexes(database, space)
    vectors = make_page_vectors(groups)
    copy_all(database, space, vectors, make_media(len(vectors.images)))
    with database.transaction() as session:
        parameters = {"groups": groups, "others": groups - 1, "largest": _largest(groups), "space": space.id}
        for statement in _FILL:
            wanted = {name: value for name, value in parameters.items() if f":{name}" in statement}
            session.execute(sa.text(statement), wanted)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    with database.transaction() as session:
        media_ids = list_mapped(session, space.id, _MAPPED)
        generator = np.random.default_rng(7)
        middles = generator.uniform(-0.9, 0.9, (300, 2))
        points = middles[generator.integers(300, size=len(media_ids))] + generator.normal(0, 0.03, (len(media_ids), 2))
        packed = pack_points(media_ids, np.clip(points, -1, 1).astype(np.float32))
        standing = find_standing(session)
        assert standing is not None
        content = {"method": "umap", "parameters": {}, "points": len(media_ids), "fitted": 20_000}
        record_report(session, standing, "map", content, packed)


def make_page_vectors(groups: int) -> Vectors:
    """Vectors in the order of uploads, each near the centre of its group, matching the statements."""
    count, largest = groups * MEMBERS, _largest(groups)
    row = np.arange(count)
    group = np.where(row < largest, 0, 1 + (row - largest) % (groups - 1))
    generator = np.random.default_rng(7)

    def around(dimension: int) -> Matrix:
        middles = generator.standard_normal((groups, dimension), dtype=np.float32)[group]
        rows: Matrix = middles + _SPREAD * generator.standard_normal((count, dimension), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    images, texts = around(512), around(384)
    return Vectors(images, texts, images[:1], texts[:1])


def _largest(groups: int) -> int:
    """Size of the largest group: a fifth of all pictures in a small library."""
    return min(LARGEST, groups * MEMBERS // 5)


def _groups(services: Services) -> tuple[int, int]:
    """The largest group, and a small one."""
    with services.database.transaction() as session:
        found = session.execute(sa.text("SELECT cluster_id FROM centroid ORDER BY member_count DESC, cluster_id DESC"))
        ids = list(found.scalars())
    return ids[0], ids[1]


def _member(services: Services, cluster_id: int) -> str:
    with services.database.transaction() as session:
        found = session.execute(
            sa.text("SELECT media_id FROM membership WHERE cluster_id = :id ORDER BY similarity LIMIT 1"),
            {"id": cluster_id},
        )
        return str(found.scalar_one())


def _sentinel(client: TestClient, path: str) -> str:
    """Address of the next part of a page, empty if there is none."""
    _, found, after = client.get(path).text.rpartition('class="sentinel" hx-get="')
    return after.partition('"')[0].replace("&amp;", "&") if found else ""


def _time(what: str, client: TestClient, path: str, rounds: int) -> Line:
    size_bytes = len(client.get(path).raise_for_status().content)
    return _line(what, [_passed(partial(client.get, path)) for _ in range(rounds)], size_bytes)


def _passed(*steps: Callable[[], object]) -> float:
    """Milliseconds for all steps together."""
    begun = time.perf_counter()
    for step in steps:
        step()
    return 1000 * (time.perf_counter() - begun)


def _line(what: str, times: Sequence[float], size_bytes: int) -> Line:
    p50, p95 = np.percentile(times, [50, 95])
    return Line(what, float(p50), float(p95), size_bytes)


if __name__ == "__main__":
    sys.exit(main())
