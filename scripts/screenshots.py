"""Take the screenshots of the documentation: each page wide and narrow, light and dark, as WebP.

python scripts/screenshots.py                 # all pages, into docs/images
python scripts/screenshots.py widget          # some of them

All of them take a quarter of an hour, because a library has to work that long for the screenshot of Operations.
"""

import argparse
import io
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

import sqlalchemy as sa
from PIL import Image
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from starlette.middleware.cors import CORSMiddleware

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.bootstrap import build_services  # noqa: E402 - the path must be set first
from backend.cli.servers import prepare_database, running_servers  # noqa: E402
from backend.features.duplicates import compare_waiting  # noqa: E402
from backend.features.evaluation import (  # noqa: E402  # noqa: E402
    Job,
    Options,
    Source,
    evaluate,
    measure,
    write_report,
)
from backend.features.naming import refresh_labels  # noqa: E402
from backend.features.review import refresh_queue  # noqa: E402
from backend.features.services import Services  # noqa: E402
from backend.settings import load_settings  # noqa: E402
from backend.store.schema import Centroid, Media, Membership  # noqa: E402
from backend.web.server import create_web_app  # noqa: E402
from scripts.demo_review import fill_review  # noqa: E402
from scripts.demo_site import (  # noqa: E402
    Look,
    fill_library,
    open_browser,
    open_context,
    serving,
    serving_folder,
    write_blog,
)
from scripts.demo_spaces import fill_spaces  # noqa: E402
from scripts.library_at_work import library_at_work  # noqa: E402

IMAGES = ROOT / "docs" / "images"
PICTURE_COUNT = 150
MOST_BYTES = 200_000
LOOKS = tuple(
    Look(width, height, scheme) for width, height in ((1440, 900), (390, 844)) for scheme in ("light", "dark")
)

# Name and path. A path that starts with BLOG is on another site, one with AT_WORK belongs to the busy library. {group} and
# {picture} are ids in this library.
BLOG = "blog:"
AT_WORK = "at work:"
PAGES = {
    "widget": f"{BLOG}/",
    "groups": "/admin/",
    "group": "/admin/clusters/{group}",
    "picture": "/admin/media/{picture}",
    "search": "/admin/search?q=a+lighthouse+at+dusk",
    "upload": "/admin/upload",
    "quality": "/admin/quality",
    "map": "/admin/quality/map",
    "review": "/admin/review",
    "model": "/admin/model",
    "report": f"{BLOG}/report.html",
    "operations": f"{AT_WORK}/admin/operations",  # last: the longer it works, the more there is to see
}
# Preparations of the library. They change groups, so these pages come last, in this order.
FILLERS = {"review": fill_review, "model": fill_spaces}
# Qualities to try until the file is small enough.
QUALITIES = (80, 70, 60, 50)
PATIENCE_SECONDS = 240


def main() -> None:
    """Take the named screenshots, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *PAGES], metavar="NAME", help=", ".join(PAGES))
    chosen = parser.parse_args().names
    names = [name for name in PAGES if not chosen or name in chosen]
    IMAGES.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        at_work = stack.enter_context(library_at_work()) if "operations" in names else None
        services, folder = stack.enter_context(demo_library())
        app = CORSMiddleware(create_web_app(services), allow_origins=["*"])
        server = stack.enter_context(serving(app))
        site = stack.enter_context(serving_folder(folder))
        write_blog(folder / "index.html", server, _pick(services), 'link="/photos/{id}"')
        picked = prepare(services)
        if "report" in names:
            write_evaluation(services, folder.parent / "gallery", folder / "report.html")
        browser = stack.enter_context(open_browser())
        for name in names:
            if name in FILLERS:
                FILLERS[name](services)
            path = PAGES[name].format(group=picked.cluster_id, picture=picked.media_id)
            url = site + path.removeprefix(BLOG) if path.startswith(BLOG) else server + path
            if at_work is not None and path.startswith(AT_WORK):
                at_work.wait_until_charts_are_full()
                url = at_work.url + path.removeprefix(AT_WORK)
            for look in LOOKS:
                target = IMAGES / f"{name}-{look.width}-{look.color_scheme}.webp"
                take(browser, url, look, target, full_page=name == "widget")


@contextmanager
def demo_library() -> Iterator[tuple[Services, Path]]:
    """Yield a library with embedded servers, and a folder that can be served. Both are deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="mediacluster-screenshots-") as name:
        home = Path(name)
        home.chmod(0o755)  # the database server may run as another user, who needs access
        settings = load_settings(
            _env_file=None, home=home, database_url=None, redis_url=None, preset="demo", authentication="none"
        )
        with running_servers(settings, stop=True):
            prepare_database(settings)
            services = build_services(settings)
            fill_library(services, home / "gallery", PICTURE_COUNT)
            site = home / "site"
            site.mkdir()
            yield services, site
            services.database.dispose()


def prepare(services: Services) -> Membership:
    """Do what workers do over time: labels, review, figures, map. Returns a member of the largest group other than the one nearest
    to the centroid."""
    refresh_labels(services)
    compare_waiting(services)
    refresh_queue(services)
    measure(services, Job.FIGURES)
    measure(services, Job.MAP)
    with services.database.transaction() as session:
        largest = sa.select(Centroid.cluster_id).order_by(Centroid.member_count.desc(), Centroid.cluster_id).limit(1)
        of_largest = sa.select(Membership).where(Membership.cluster_id == largest.scalar_subquery())
        return session.execute(of_largest.order_by(Membership.similarity, Membership.media_id).limit(1)).scalar_one()


def write_evaluation(services: Services, gallery: Path, target: Path) -> None:
    """Write the report of an evaluation. Every fifteenth picture gets a wrong label, because a perfect result would show little."""
    labels = json.loads((gallery / ".labels.json").read_text(encoding="utf-8"))
    names = list(labels)
    misfiled = {name: labels[names[place - 7]] if place % 15 == 0 else labels[name] for place, name in enumerate(names)}
    path = target.with_name("labels.json")
    path.write_text(json.dumps(misfiled), encoding="utf-8")
    target.write_text(write_report(services, evaluate(services, Source(str(path)), Options())), encoding="utf-8")


def take(browser: Browser, url: str, look: Look, target: Path, *, full_page: bool) -> None:
    """Take a screenshot once the page has finished loading."""
    context = open_context(browser, look)
    page = context.new_page()
    answer = page.goto(url)
    if answer is not None and answer.status == HTTPStatus.NOT_FOUND:
        print(f"{url} is not there; it is left out.")
        context.close()
        return
    if answer is None or not answer.ok:
        raise SystemExit(f"{url} cannot be shown.")
    settle(page)
    shot = Image.open(io.BytesIO(page.screenshot(full_page=full_page)))
    context.close()
    for quality in QUALITIES:
        shot.save(target, "WEBP", quality=quality, method=6)
        size_bytes = target.stat().st_size
        if size_bytes <= MOST_BYTES:
            break
    print(f"{target.relative_to(ROOT)}  {shot.width} x {shot.height}  {size_bytes:,} bytes")
    if size_bytes > MOST_BYTES:
        raise SystemExit(f"{target.name} is larger than {MOST_BYTES:,} bytes.")


def settle(page: Page) -> None:
    """Wait for pending requests that the page shows, then for the visible pictures. Some pages poll, so the network is never idle."""
    page.wait_for_load_state("load")
    wait_until(page, "!document.querySelector('[aria-busy=true], .htmx-request')")
    with suppress(PlaywrightTimeout):
        page.wait_for_load_state("networkidle", timeout=5_000)
    wait_until(
        page, "[...document.images].every((one) => one.complete || one.getBoundingClientRect().top > innerHeight)"
    )


def wait_until(page: Page, condition: str) -> None:
    """Poll until the condition holds. `wait_for_function` is forbidden by the page's content security policy."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not page.evaluate(condition):
        if time.monotonic() > until:
            raise SystemExit(f"{page.url} does not come to rest.")
        page.wait_for_timeout(100)


def _pick(services: Services) -> Media:
    """The first picture with every kind of text."""
    with services.database.transaction() as session:
        statement = sa.select(Media).where(Media.story != "", Media.location != "").order_by(Media.upload_seq).limit(1)
        return session.execute(statement).scalar_one()


if __name__ == "__main__":
    main()
