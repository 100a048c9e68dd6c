"""Uploading in a browser: files, folders, addresses, what is here already, and what goes wrong on the way."""

import csv
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from backend.demo.gallery import render_gallery
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, fetch_next, open_active_space
from backend.web.server import create_web_app
from scripts.demo_site import serving, serving_folder
from tests.support.pages import come_to_rest

PATIENCE_MS = 90_000
HOSTILE = "<img src=x onerror=alert(1)>';DROP TABLE media;--.jpg"


@contextmanager
def working(library: Services) -> Iterator[None]:
    """A worker in a thread: fetches, embeds and assigns until the end."""
    ending = threading.Event()

    def work() -> None:
        space = open_active_space(library)
        assigner = Assigner(library, space)
        while not ending.is_set():
            fetch_next(library)
            embed_batch(library, space)
            assigner.assign_waiting()
            ending.wait(0.1)

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


@pytest.fixture
def worker(own_library: Services) -> Iterator[None]:
    with working(own_library):
        yield


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Pictures that the library does not have."""
    folder = tmp_path_factory.mktemp("fresh")
    paths = []
    for number, picture in enumerate(render_gallery(6, seed=4711, size=320)):
        paths.append(folder / f"fresh-{number}.jpg")
        picture.image.save(paths[-1], quality=88)
    return paths


@pytest.fixture
def known(own_library: Services) -> Path:
    return next((own_library.settings.home_path / "storage" / "originals").rglob("*.jpg"))


def open_upload(page: Page, server: str) -> None:
    page.goto(f"{server}/admin/upload")
    expect(page.get_by_role("heading", name="Upload")).to_be_visible()


def choose(page: Page, *paths: Path) -> None:
    page.get_by_label("Choose pictures").set_input_files(list(paths))


def row(page: Page, name: str) -> Locator:
    return page.locator(".upload", has=page.get_by_text(name, exact=True))


def settled(page: Page, words: str) -> None:
    expect(page.locator("#account-title")).to_have_text(words, timeout=PATIENCE_MS)


def requests_to(page: Page, path: str) -> list[str]:
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url) if urlsplit(request.url).path == path else None)
    return seen


@pytest.mark.usefixtures("worker")
def test_upload__each_file_comes_to_what_it_is(
    own_server: str, page: Page, fresh: list[Path], known: Path, tmp_path: Path, faults: Any
) -> None:
    faults.allow(r"(415|422).*(upload/file|$)")
    hostile, corrupt, renamed, twin = (tmp_path / name for name in (HOSTILE, "corrupt.jpg", "renamed.jpg", "twin.jpg"))
    shutil.copy(fresh[1], hostile)
    shutil.copy(fresh[0], twin)
    corrupt.write_bytes(fresh[2].read_bytes()[:400] + b"no picture any more" * 40)
    renamed.write_text("A letter, whatever its name says.")
    open_upload(page, own_server)
    sent = requests_to(page, "/admin/upload/file")
    polled = requests_to(page, "/admin/upload/progress")
    choose(page, fresh[0], hostile, corrupt, renamed, known, twin)
    settled(page, "2 new · 2 here already · 2 failed")
    assert len(sent) == 4, "what is here already needs no sending"
    assert polled == [], "the events come through"
    expect(row(page, "renamed.jpg")).to_contain_text("unsupported_format")
    expect(row(page, "renamed.jpg")).to_contain_text("Send JPEG, PNG, WebP, GIF, HEIC, AVIF or TIFF")
    expect(row(page, "corrupt.jpg").locator("code")).to_have_text(re.compile("image_(corrupt|truncated)"))
    expect(row(page, known.name)).to_contain_text("Here already, in")
    expect(row(page, "twin.jpg")).to_contain_text("Here already, in")
    for name in (fresh[0].name, HOSTILE):
        expect(row(page, name).locator("img")).to_have_attribute(
            "src", re.compile("/admin/pictures/[0-9a-f]{64}/small")
        )
    expect(page.get_by_text("Done: 2 new")).to_be_visible()
    row(page, HOSTILE).locator(".upload-note a").click()
    page.wait_for_url("**/admin/clusters/*")
    expect(page.locator(".shot").first).to_be_visible()


@pytest.mark.usefixtures("worker")
def test_upload__what_is_not_right_with_an_accepted_file(own_server: str, page: Page, tmp_path: Path) -> None:
    path = tmp_path / "profile.png"
    Image.new("RGB", (64, 48), "teal").save(path, icc_profile=b"not a profile")
    open_upload(page, own_server)
    choose(page, path)
    settled(page, "1 new · 0 here already · 0 failed")
    expect(row(page, "profile.png")).to_contain_text("The color profile is damaged, so it is ignored.")
    with page.expect_download() as download:
        page.locator("[data-save]").click()
    assert "color_profile_ignored" in Path(download.value.path()).read_text("utf-8")


@pytest.mark.usefixtures("worker")
def test_upload__a_folder_with_words_and_again_after_a_reload(
    own_server: str, own_library: Services, page: Page, fresh: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "holiday"
    (folder / "day two").mkdir(parents=True)
    shutil.copy(fresh[0], folder / "a.jpg")
    shutil.copy(fresh[1], folder / "day two" / "b.jpg")
    (folder / "notes.txt").write_text("no picture")
    open_upload(page, own_server)
    page.keyboard.press("w")
    page.get_by_label("Location").fill("Skagen")
    page.get_by_label("Keywords").fill("summer, sea")
    folders = page.locator("[data-folder]")
    folders.set_input_files(folder)
    settled(page, "2 new · 0 here already · 0 failed")
    expect(page.locator("[data-aside]")).to_contain_text("1 other file in the folders is no picture")
    expect(row(page, "holiday/day two/b.jpg")).to_be_visible()
    with own_library.database.transaction() as session:
        said = session.execute(
            sa.text("SELECT location, keywords FROM media WHERE source = 'upload' ORDER BY upload_seq")
        ).all()
    assert [tuple(row) for row in said] == [("Skagen", ["summer", "sea"])] * 2
    page.reload()
    sent = requests_to(page, "/admin/upload/file")
    folders.set_input_files(folder)
    settled(page, "0 new · 2 here already · 0 failed")
    assert sent == []


@pytest.mark.usefixtures("worker")
def test_upload__a_folder_that_is_dropped(own_server: str, page: Page, fresh: list[Path], tmp_path: Path) -> None:
    """By the browser itself, as from a file manager; a script cannot make a folder to drop."""
    folder = tmp_path / "holiday"
    (folder / "day two").mkdir(parents=True)
    shutil.copy(fresh[0], folder / "a.jpg")
    shutil.copy(fresh[1], folder / "day two" / "b.jpg")
    (folder / "notes.txt").write_text("no picture")
    open_upload(page, own_server)
    devtools = page.context.new_cdp_session(page)
    dragged = {"items": [], "files": [str(folder), str(fresh[2])], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 700, "y": 300, "data": dragged})
    expect(page.locator("body")).to_have_class(re.compile("is-dropping-uploads"))
    devtools.send("Input.dispatchDragEvent", {"type": "drop", "x": 700, "y": 300, "data": dragged})
    settled(page, "3 new · 0 here already · 0 failed")
    for name in ("holiday/a.jpg", "holiday/day two/b.jpg", fresh[2].name):
        expect(row(page, name)).to_be_visible()
    expect(page.locator("[data-aside]")).to_contain_text("1 other file in the folders is no picture")
    expect(page.locator("body")).not_to_have_class(re.compile("is-dropping-uploads"))


@pytest.mark.usefixtures("worker")
def test_upload__pasted(own_server: str, page: Page, faults: Any) -> None:
    """A picture, then an address, out of the browser's own clipboard."""
    faults.allow("422.*(upload/url|$)")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=own_server)
    open_upload(page, own_server)
    page.evaluate(
        """async () => {
          const canvas = new OffscreenCanvas(320, 240);
          const drawing = canvas.getContext("2d");
          drawing.fillStyle = "teal";
          drawing.fillRect(40, 40, 200, 120);
          const blob = await canvas.convertToBlob({ type: "image/png" });
          await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }"""
    )
    page.keyboard.press("Control+v")
    settled(page, "1 new · 0 here already · 0 failed")
    page.evaluate("navigator.clipboard.writeText('http://127.0.0.1/a.jpg')")
    page.keyboard.press("Control+v")
    settled(page, "1 new · 0 here already · 1 failed")
    expect(row(page, "http://127.0.0.1/a.jpg").locator("code")).to_have_text("url_forbidden")
    # Into a field it goes as words.
    page.keyboard.press("a")
    page.keyboard.press("Control+v")
    expect(page.get_by_label("Addresses of pictures")).to_have_value("http://127.0.0.1/a.jpg")
    expect(page.locator("#account-title")).to_have_text("1 new · 0 here already · 1 failed")


def test_upload__a_list_of_addresses_by_keyboard(
    own_library: Services, page: Page, fresh: list[Path], faults: Any, signed_in: Any
) -> None:
    faults.allow("422.*(upload/url|$)")
    with serving_folder(fresh[0].parent) as site:
        fetching = {"fetch_allow_private": True, "fetch_ports": (urlsplit(site).port,)}
        library = replace(own_library, settings=own_library.settings.model_copy(update=fetching))
        with working(library), serving(create_web_app(library)) as server:
            signed_in.add_server(server)
            page.goto(f"{server}/admin/")
            page.keyboard.press("g")
            page.keyboard.press("u")
            page.wait_for_url("**/admin/upload")
            page.keyboard.press("a")
            page.keyboard.insert_text(f"{site}/{fresh[3].name}\n\n{site}/missing.jpg\nfile:///etc/passwd\n")
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            settled(page, "1 new · 0 here already · 2 failed")
            expect(row(page, f"{site}/missing.jpg").locator("code")).to_have_text("fetch_failed")
            expect(row(page, f"{site}/missing.jpg")).to_contain_text("Open the address in a browser")
            expect(row(page, "file:///etc/passwd").locator("code")).to_have_text("url_forbidden")


@pytest.mark.usefixtures("worker")
def test_upload__a_busy_server_and_no_events(own_server: str, page: Page, fresh: list[Path], faults: Any) -> None:
    faults.allow("503|upload/stream")
    answers: Iterator[tuple[int, dict[str, str]]] = iter(((503, {"Retry-After": "1"}), (429, {})))
    keys: list[str] = []

    def busy(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        answer = next(answers, None)
        if answer is None:
            route.continue_()
        else:
            route.fulfill(status=answer[0], headers=answer[1])

    faults.allow("429")
    page.route("**/upload/file", busy)
    page.route("**/upload/stream", lambda route: route.abort("connectionrefused"))
    open_upload(page, own_server)
    choose(page, fresh[0])
    settled(page, "1 new · 0 here already · 0 failed")
    assert len(keys) == 3
    assert len(set(keys)) == 1, "the same file goes by the same Idempotency-Key"


@pytest.mark.usefixtures("worker")
def test_upload__stopped_and_tried_again(
    own_server: str, page: Page, fresh: list[Path], look: Callable[[Page, str], None]
) -> None:
    held: list[Route] = []
    page.route("**/upload/file", lambda route: held.append(route))  # noqa: PLW0108 - it has to be a function
    open_upload(page, own_server)
    choose(page, *fresh[:5])
    expect(page.locator('.upload[data-state="sending"]')).to_have_count(3)
    assert len(held) <= 3
    look(page, "upload-on-its-way")
    page.set_viewport_size({"width": 390, "height": 844})
    look(page, "upload-on-its-way")
    page.get_by_role("button", name=f"Stop: {fresh[4].name}").click()
    expect(row(page, fresh[4].name)).to_contain_text("It was stopped")
    page.get_by_role("button", name="Stop", exact=True).click()
    settled(page, "0 new · 0 here already · 5 failed")
    page.unroute("**/upload/file")
    page.get_by_role("button", name="Try again (5)").click()
    settled(page, "5 new · 0 here already · 0 failed")


def test_upload__no_checksums_where_the_page_is_not_secure(own_server: str, page: Page, known: Path) -> None:
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    open_upload(page, own_server)
    sent = requests_to(page, "/admin/upload/file")
    choose(page, known)
    settled(page, "0 new · 1 here already · 0 failed")
    assert len(sent) == 1


def test_upload__a_thousand_files(own_server: str, own_library: Services, page: Page, tmp_path: Path) -> None:
    """Dropped. All are here already, so that it is the page that is tried and not the server."""
    with own_library.database.transaction() as session:
        ids = [str(one) for one in session.scalars(sa.text("SELECT id FROM media LIMIT 10"))]
    open_upload(page, own_server)
    sent = requests_to(page, "/admin/upload/file")
    page.evaluate(
        """async (ids) => {
          const bytes = await Promise.all(ids.map((id) => fetch(`/admin/media/${id}/original`).then((one) => one.blob())));
          const dataTransfer = new DataTransfer();
          for (let i = 0; i < 1000; i += 1) {
            dataTransfer.items.add(new File([bytes[i % bytes.length]], `picture ${i}.jpg`, { type: "image/jpeg" }));
          }
          document.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        ids,
    )
    settled(page, "0 new · 1000 here already · 0 failed")
    assert sent == []
    assert page.locator(".upload").count() < 60
    page.keyboard.press("End")
    expect(row(page, "picture 999.jpg")).to_be_visible()
    assert page.locator(".upload").count() < 60
    page.get_by_role("button", name="Failed").click()
    expect(page.get_by_text("None of them.")).to_be_visible()
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save as CSV").click()
    saving.value.save_as(tmp_path / "uploads.csv")
    with (tmp_path / "uploads.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1000
    assert {row["outcome"] for row in rows} == {"here already"}
    assert {row["media"] for row in rows} == set(ids)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_upload__accessible(
    make_page: Callable[..., Page],
    own_server: str,
    fresh: list[Path],
    known: Path,
    tmp_path: Path,
    check_accessibility: Callable[[Page], None],
    take_screenshot: Callable[[Page, str], None],
    faults: Any,
    width: int,
    scheme: str,
) -> None:
    faults.allow("415")
    page = make_page(width, 844, scheme)
    open_upload(page, own_server)
    check_accessibility(page)
    take_screenshot(page, f"admin-upload-empty-{width}-{scheme}")
    renamed = tmp_path / "a letter that somebody has called a picture.jpg"
    renamed.write_text("A letter.")
    choose(page, *fresh[:3], known, renamed)
    settled(page, "3 new · 1 here already · 1 failed")
    page.keyboard.press("w")
    page.keyboard.press("Escape")
    page.wait_for_load_state("networkidle")
    come_to_rest(page)
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    take_screenshot(page, f"admin-upload-{width}-{scheme}")
