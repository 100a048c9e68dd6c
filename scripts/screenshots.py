"""Take the pictures of the documentation: each page wide and narrow, light and dark, as WebP.

python scripts/screenshots.py                 # all pages, into docs/images
python scripts/screenshots.py widget          # some of them
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import sqlalchemy as sa
from PIL import Image
from playwright.sync_api import Browser
from starlette.middleware.cors import CORSMiddleware

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.bootstrap import build_services  # noqa: E402 - the path must be set first
from backend.commands.running import prepare_database, running_servers  # noqa: E402
from backend.db.tables import Media  # noqa: E402
from backend.services import Services  # noqa: E402
from backend.settings import load_settings  # noqa: E402
from backend.web import create_web_app  # noqa: E402
from scripts.demo_site import (  # noqa: E402
    Look,
    fill_library,
    open_browser,
    open_context,
    serving,
    serving_folder,
    write_blog,
)

IMAGES = ROOT / "docs" / "images"
PICTURE_COUNT = 150
MOST_BYTES = 200_000
LOOKS = tuple(
    Look(width, height, scheme) for width, height in ((1440, 900), (390, 844)) for scheme in ("light", "dark")
)

# Name and path; a path that starts with BLOG is on the site of somebody else.
BLOG = "blog:"
PAGES = {
    "widget": f"{BLOG}/",
}


def main() -> None:
    """Take the pages that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *PAGES], metavar="NAME", help=", ".join(PAGES))
    names = parser.parse_args().names or list(PAGES)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with demo_library() as (services, folder), ExitStack() as stack:
        app = CORSMiddleware(create_web_app(services), allow_origins=["*"])
        server = stack.enter_context(serving(app))
        site = stack.enter_context(serving_folder(folder))
        write_blog(folder / "index.html", server, _pick(services), 'link="/photos/{id}"')
        browser = stack.enter_context(open_browser())
        for name in names:
            path = PAGES[name]
            url = site + path.removeprefix(BLOG) if path.startswith(BLOG) else server + path
            for look in LOOKS:
                take(browser, url, look, IMAGES / f"{name}-{look.width}-{look.color_scheme}.webp")


@contextmanager
def demo_library() -> Iterator[tuple[Services, Path]]:
    """A library of its own with embedded servers, and a folder that can be served; both go at the end."""
    with tempfile.TemporaryDirectory(prefix="mediacluster-screenshots-") as name:
        home = Path(name)
        home.chmod(0o755)  # the database server may run as another user, who has to get through
        settings = load_settings(_env_file=None, home=home, database_url=None, redis_url=None, preset="demo")
        with running_servers(settings, stop=True):
            prepare_database(settings)
            services = build_services(settings)
            fill_library(services, home / "gallery", PICTURE_COUNT)
            site = home / "site"
            site.mkdir()
            yield services, site
            services.database.dispose()


def take(browser: Browser, url: str, look: Look, target: Path) -> None:
    """Write what the page looks like once nothing is on its way any more."""
    context = open_context(browser, look)
    page = context.new_page()
    page.goto(url, wait_until="networkidle")
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    context.close()
    shot.save(target, "WEBP", quality=80, method=6)
    size_bytes = target.stat().st_size
    print(f"{target.relative_to(ROOT)}  {shot.width} x {shot.height}  {size_bytes:,} bytes")
    if size_bytes > MOST_BYTES:
        raise SystemExit(f"{target.name} is larger than {MOST_BYTES:,} bytes.")


def _pick(services: Services) -> Media:
    """The first picture that has every kind of words."""
    with services.database.transaction() as session:
        statement = sa.select(Media).where(Media.story != "", Media.location != "").order_by(Media.upload_seq).limit(1)
        return session.execute(statement).scalar_one()


if __name__ == "__main__":
    main()
