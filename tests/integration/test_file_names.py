"""The names of files: kept as they came, shown where a picture has no words, and used for downloads."""

import threading
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from email.message import Message
from email.utils import collapse_rfc2231_value
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from backend.features.intake import ImportReport, accept_picture, accept_url, import_items, list_items
from backend.features.refresh import refresh_files
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, fetch_next, open_active_space
from backend.features.transfer import export, import_embeddings
from backend.files.text import MediaText
from backend.store.media import get_media
from backend.store.schema import Media
from tests.support.containers import jpeg_with_xmp, packet
from tests.support.pictures import Pictures

LONG = "港" * 100


def stored(services: Services, media_id: uuid.UUID | str) -> Media:
    with services.database.transaction() as session:
        return get_media(session, uuid.UUID(str(media_id)))


def names_in_order(services: Services) -> list[str]:
    with services.database.transaction() as session:
        return list(session.scalars(sa.select(Media.file_name).order_by(Media.upload_seq)))


def post(client: TestClient, name: str, data: bytes, **fields: str) -> str:
    answer = client.post("/media", files={"file": (name, data, "image/jpeg")}, data=fields)
    return str(answer.json()["ids"][0])


def saved_as(header: str) -> tuple[str, str]:
    """The name under which a client saves it, and the one for clients that know ASCII only."""
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    names = [value for name, value in message.get_params([], "content-disposition") if name == "filename"]
    (plain,) = [name for name in names if isinstance(name, str)]
    return next((collapse_rfc2231_value(name) for name in names if isinstance(name, tuple)), plain), plain


@pytest.fixture
def site(make_jpeg: Callable[..., bytes]) -> Iterator[str]:
    """Serves the same picture under any path; below /named/ with a header that names it, below /moved/ from elsewhere."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/moved/"):
                self.send_response(302)
                self.send_header("Location", "/cdn/secret.jpg?signature=secret")
                self.end_headers()
                return
            number = sum(self.path.encode())
            self.send_response(200)
            if self.path.startswith("/named/"):
                self.send_header("Content-Disposition", "attachment; filename*=UTF-8''..%2FM%C3%B6we.jpg")
            body = make_jpeg(number % 1000)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


# --- no title --------------------------------------------------------------------------------------------------------


def test_title__the_name_of_the_file_is_none_in_a_picture_and_in_its_sidecars(
    services: Services, client: TestClient, tmp_path: Path
) -> None:
    """Of a title in the picture, in XMP and JSON beside it; a person who gives it means it."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("Boats.jpg", "Möwe.jpg", "IMG_1.JPG"):
        words = f"<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>{name.lower()}</rdf:li></rdf:Alt></dc:title>"
        (folder / name).write_bytes(jpeg_with_xmp(words + f"<dc:description>{name}</dc:description>"))
    for number, name in enumerate(("JSON.png", "XMP.png", "Other.png")):
        (folder / name).write_bytes(Pictures.encode(Pictures.corners(40 + number), "PNG"))
    (folder / "JSON.png.json").write_text('{"SourceFile": "JSON.png", "Title": "JSON.png"}')
    (folder / "XMP.png.xmp").write_bytes(packet("<dc:title>XMP.png</dc:title>"))
    (folder / "Other.png.json").write_text('{"title": "JSON.png"}')
    items, _ = list_items(services, [str(folder)])
    list(import_items(services, items, ImportReport()))
    sent = jpeg_with_xmp("<dc:title>sent.jpg</dc:title>")
    posted = post(client, "sent.jpg", sent)
    given = post(client, "given.jpg", jpeg_with_xmp("<dc:title>x</dc:title>"), title="given.jpg")

    with services.database.transaction() as session:
        titles = {row.file_name: row.title for row in session.execute(sa.select(Media.file_name, Media.title))}
    assert {name: title for name, title in titles.items() if title} == {
        "Other.png": "JSON.png",
        "given.jpg": "given.jpg",
    }
    assert stored(services, posted).title == ""
    assert stored(services, given).title == "given.jpg"
    assert len(titles) == 8
    assert refresh_files(services, list_items(services, [str(folder)])[0]).changed == 0


# --- kept ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("IMG_2041.HEIC", "IMG_2041.HEIC"),
        ("day one/IMG_2041.jpg", "IMG_2041.jpg"),
        (r"C:\Users\ann\IMG_2041.jpg", "IMG_2041.jpg"),
        ("M\u006f\u0308we.jpg", "M\u00f6we.jpg"),
        ("photo\u202egpj.jpg", "photogpj.jpg"),
        (LONG * 3 + ".jpg", "港" * 251 + ".jpg"),
    ],
)
def test_upload__keeps_the_name(
    client: TestClient, services: Services, make_jpeg: Callable[..., bytes], sent: str, kept: str
) -> None:
    media_id = post(client, sent, make_jpeg(1))
    detail = client.get(f"/media/{media_id}").json()
    assert (detail["file_name"], detail["shown_title"], detail["title"]) == (kept, kept, "")
    assert stored(services, media_id).file_name == kept


def test_import__keeps_the_name_that_the_folder_shows(
    services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    folder, elsewhere = tmp_path / "home of ann", tmp_path / "store"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / unicodedata.normalize("NFD", "Größe.JPG")).write_bytes(make_jpeg(1))
    (elsewhere / "0a1b2c").write_bytes(make_jpeg(2))
    (folder / "linked.jpg").symlink_to(elsewhere / "0a1b2c")
    (folder / "list.csv").write_text("path\nGröße two.jpg\n")
    (folder / "Größe two.jpg").write_bytes(make_jpeg(3))
    report = ImportReport()
    items, _ = list_items(services, [str(folder), str(folder / "list.csv")])
    list(import_items(services, items, report))
    names = {stored(services, media_id).file_name for media_id in report.media_ids}
    assert (names, report.failed) == ({"Größe.JPG", "linked.jpg", "Größe two.jpg"}, [])


def test_import__keeps_a_name_that_is_not_utf_8(
    services: Services, make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    try:
        (tmp_path / name).write_bytes(make_jpeg(1))
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    report = ImportReport()
    list(import_items(services, list_items(services, [str(tmp_path)])[0], report))
    assert [stored(services, media_id).file_name for media_id in report.new] == ["caf?.jpg"]


def test_url__the_answer_names_the_file_else_its_address(make_services: Callable[..., Services], site: str) -> None:
    services = make_services(fetch_allow_private=True, fetch_ports=(int(site.rpartition(":")[2]),))
    ids = [
        accept_url(services, f"{site}/{path}", MediaText()).media_id
        for path in ("a/K%C3%BCste.jpg?size=2", "named/17", "moved/18", "")
    ]
    # Before it is fetched, it is called by its address.
    assert [stored(services, media_id).file_name for media_id in ids] == ["Küste.jpg", "17", "18", ""]
    while fetch_next(services):
        pass
    assert [stored(services, media_id).error_code for media_id in ids] == [None] * 4
    assert [stored(services, media_id).file_name for media_id in ids] == ["Küste.jpg", "Möwe.jpg", "18", ""]


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".jsonl"])
def test_vectors__keep_the_name_in_and_out(services: Services, tmp_path: Path, suffix: str) -> None:
    dimension = open_active_space(services).image_dimension
    vectors = np.random.default_rng(0).normal(size=(3, dimension))
    paths = ["photos/Möwe 1.jpg", "https://example.org/a/b%20c.jpg?size=2", "c.jpg"]
    given = np.array(["", "", "folder/Other name.jpg"])
    np.savez(tmp_path / "vectors.npz", path=np.array(paths), file_name=given, image_embedding=vectors)
    import_embeddings(services, tmp_path / "vectors.npz")
    assert names_in_order(services) == ["Möwe 1.jpg", "b c.jpg", "Other name.jpg"]

    export(services.database, tmp_path / f"out{suffix}")
    with services.database.transaction() as session:
        session.execute(sa.text("DELETE FROM media"))
    import_embeddings(services, tmp_path / f"out{suffix}", look_for_pictures=False)
    assert names_in_order(services) == ["Möwe 1.jpg", "b c.jpg", "Other name.jpg"]


def test_copies__the_first_name_stays_and_an_empty_one_is_filled(
    client: TestClient, services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    nameless = accept_picture(services, make_jpeg(1), MediaText(), source="upload")
    assert stored(services, nameless.media_id).file_name == ""
    for name in ("first.jpg", "second.jpg"):
        again = client.post("/media", files={"file": (name, make_jpeg(1), "image/jpeg")}).json()["media"][0]
        assert (again["id"], again["duplicate"], again["completed"]) == (str(nameless.media_id), True, [])
        assert stored(services, nameless.media_id).file_name == "first.jpg"


# --- shown -----------------------------------------------------------------------------------------------------------


def test_shown__everywhere_by_title_caption_or_file_name(
    client: TestClient, services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    space = open_active_space(services)
    ids = {
        post(client, "1.jpg", make_jpeg(1), title="A title", caption="Words. More"): "A title",
        post(client, "2.jpg", make_jpeg(2), caption="A quay at dusk. The boats are in."): "A quay at dusk",
        post(client, "3 <b>.jpg", make_jpeg(3)): "3 <b>.jpg",
        str(accept_picture(services, make_jpeg(4), MediaText(), source="upload").media_id): "",
    }
    while embed_batch(services, space):
        pass
    Assigner(services, space).assign_waiting()

    first, *others = ids
    shown = {one["media_id"]: one["shown_title"] for one in client.get(f"/media/{first}/similar?k=9").json()["results"]}
    assert shown == {media_id: ids[media_id] for media_id in others}
    alpha = client.get(f"/media/{first}/alpha?k=9").json()["hits"]
    assert {one["media_id"]: one["shown_title"] for one in alpha} == shown
    found = client.get("/search", params={"media_id": first, "k": 9}).json()["hits"]
    assert {one["media_id"]: one["shown_title"] for one in found} == shown
    groups = [client.get(f"/clusters/{one['id']}").json() for one in client.get("/clusters").json()["clusters"]]
    assert {one["media_id"]: one["shown_title"] for group in groups for one in group["members"]} == ids
    listed = client.get("/media").json()["media"]
    assert {one["id"]: one["shown_title"] for one in listed} == ids
    for media_id, name in ids.items():
        page = client.get(f"/admin/media/{media_id}").text
        escaped = (name or "Untitled picture").replace("<", "&lt;").replace(">", "&gt;")
        assert f'<h1 dir="auto">{escaped}</h1>' in page
        assert f'alt="{escaped}"' in page
        assert f"<title>{escaped} · mediacluster</title>" in page


# --- downloaded ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "saved", "plain"),
    [
        ("IMG_2041.jpeg", "IMG_2041.jpeg", "IMG_2041.jpeg"),
        ("IMG_2041.HEIC", "IMG_2041.jpg", "IMG_2041.jpg"),
        ("Möwe am Strand.jpg", "Möwe am Strand.jpg", "Mowe am Strand.jpg"),
        ("a; b'c, 100%.jpg", "a; b'c, 100%.jpg", "a; b'c, 100_.jpg"),
        ("../../.bashrc", "_bashrc.jpg", "_bashrc.jpg"),
        ("CON.jpg", "_CON.jpg", "_CON.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe.jpg", "photogpj.exe.jpg"),
        (LONG + ".jpg", "港" * 83 + ".jpg", "{id}.jpg"),
        ("日本.jpg", "日本.jpg", "{id}.jpg"),
        ("🌅.jpg", "🌅.jpg", "{id}.jpg"),
    ],
)
def test_original__is_saved_under_its_name(
    client: TestClient, make_jpeg: Callable[..., bytes], sent: str, saved: str, plain: str
) -> None:
    media_id = post(client, sent, make_jpeg(1))
    for path in (f"/media/{media_id}/original", f"/admin/media/{media_id}/original"):
        answer = client.get(path)
        assert answer.content == make_jpeg(1)
        assert saved_as(answer.headers["content-disposition"]) == (saved, plain.format(id=media_id))


@pytest.mark.parametrize("name", ['a"b.jpg', "a\r\nSet-Cookie: x=1\r\n.jpg", 'a\\b".jpg', "\0", "..", "/", ""])
def test_original__a_hostile_name_changes_no_header(
    client: TestClient, services: Services, make_jpeg: Callable[..., bytes], name: str
) -> None:
    """Also a name that stands in the database, where something else than this program has put it."""
    media_id = accept_picture(services, make_jpeg(1), MediaText(), source="upload", source_uri=name).media_id
    if "\0" not in name:
        with services.database.transaction() as session:
            session.execute(sa.text("UPDATE media SET file_name = :name"), {"name": name})
    answer = client.get(f"/media/{media_id}/original")
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    saved, plain = saved_as(answer.headers["content-disposition"])
    assert saved == plain
    assert saved.endswith(".jpg")
    assert not set(saved) & set('"\\/\r\n:')
    assert len(answer.headers.get_list("content-disposition")) == 1


def test_original__without_a_name_is_saved_under_its_id(
    client: TestClient, services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    accept_picture(services, make_jpeg(1), MediaText(title="A title"), source="upload")
    with services.database.transaction() as session:
        (media_id,) = session.scalars(sa.select(Media.id))
    header = client.get(f"/media/{media_id}/original").headers["content-disposition"]
    assert header == f'attachment; filename="{media_id}.jpg"'
