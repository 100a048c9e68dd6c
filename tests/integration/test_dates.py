"""When a picture was taken: chosen at intake, stored with its source, shown by the API and on its page."""

import hashlib
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from starlette.testclient import TestClient

from backend.features.editing import rewrite_text
from backend.features.intake import accept_picture
from backend.features.services import Services
from backend.features.steps import open_active_space
from backend.features.transfer import import_embeddings
from backend.files.text import MediaText, TextChanges
from backend.store.media import get_media
from tests.support.containers import BASE, jpeg_with_exif, jpeg_with_xmp, packet
from tests.support.pictures import Pictures

Stored = tuple[str | None, str, str]


def unique(picture: bytes, number: int) -> bytes:
    """The same picture in other bytes."""
    return Pictures.with_segments(picture, (0xFE, str(number).encode()))


def stored(services: Services, media_id: uuid.UUID) -> Stored:
    with services.database.transaction() as session:
        media = get_media(session, media_id)
        moment = None if media.taken_at is None else media.taken_at.astimezone(UTC).isoformat()
        return moment, media.taken_at_precision, media.taken_at_source


def take(services: Services, data: bytes, name: str = "a.jpg", text: MediaText | None = None) -> Stored:
    media_id = accept_picture(services, data, text or MediaText(), source="test", source_uri=name).media_id
    return stored(services, media_id)


CAMERA = jpeg_with_exif(
    photo={BASE.DateTimeOriginal: "2024:05:01 12:30:00", BASE.OffsetTime: "+02:00", BASE.SubsecTimeOriginal: "45"}
)
ZONELESS = jpeg_with_exif(photo={BASE.DateTimeOriginal: "2024:05:01 12:30:00"})
PLAIN = Pictures.encode(Pictures.corners())


def test_intake__the_moment_and_its_source_are_stored(services: Services) -> None:
    exif = ("2024-05-01T10:30:00.450000+00:00", "subsecond", "exif:DateTimeOriginal")
    assert take(services, CAMERA, "IMG_20010203_040506.jpg") == exif
    assert take(services, PLAIN, "/photos/IMG-20190504-WA0003.jpg") == ("2019-05-04T00:00:00+00:00", "day", "file_name")
    assert take(services, unique(PLAIN, 1), "/photos/2019-05-04/a.jpg") == (None, "", "")
    given = MediaText().given_date("2004-05")
    assert take(services, unique(CAMERA, 1), text=given) == ("2004-05-01T00:00:00+00:00", "month", "given")
    partial = jpeg_with_xmp("<photoshop:DateCreated>1887</photoshop:DateCreated>")
    assert take(services, partial) == ("1887-01-01T00:00:00+00:00", "year", "xmp:photoshop:DateCreated")


def test_intake__a_guess_that_comes_back_stays_a_guess(services: Services, tmp_path: Path) -> None:
    """An export names the source of a moment. What was guessed, or changed, then stands below what the file says."""
    dimension = open_active_space(services).image_dimension
    guess = {"taken_at": "2001-02-03T00:00:00+00:00", "taken_at_precision": "day", "taken_at_source": "file_name"}
    changed = {
        "taken_at": "2002-02-03T04:05:06+00:00",
        "taken_at_precision": "second",
        "taken_at_source": "exif:DateTime",
    }
    given = {"taken_at": "2003-02-03T00:00:00+00:00", "taken_at_precision": "day", "taken_at_source": "given"}
    rows = []
    for number, moment in enumerate((guess, changed, given)):
        (tmp_path / f"{number}.jpg").write_bytes(unique(CAMERA, number))
        vector = np.eye(dimension)[number].tolist()
        rows.append({"path": f"{number}.jpg", "id": str(uuid.UUID(int=number)), "image_embedding": vector, **moment})
    (tmp_path / "plain.jpg").write_bytes(PLAIN)
    alone = {
        "path": "plain.jpg",
        "id": str(uuid.UUID(int=3)),
        "image_embedding": np.eye(dimension)[3].tolist(),
        **guess,
    }
    (tmp_path / "out.jsonl").write_text("\n".join(json.dumps(row) for row in [*rows, alone]))
    report = import_embeddings(services, tmp_path / "out.jsonl")
    assert (report.new, report.with_original) == (4, 4)
    exif = ("2024-05-01T10:30:00.450000+00:00", "subsecond", "exif:DateTimeOriginal")
    assert [stored(services, uuid.UUID(int=number)) for number in range(4)] == [
        exif,
        exif,
        ("2003-02-03T00:00:00+00:00", "day", "given"),
        ("2001-02-03T00:00:00+00:00", "day", "file_name"),
    ]


def test_intake__sidecar_against_picture(services: Services) -> None:
    # Takeout writes the moment in UTC. It is the same as that of the camera, which has no zone but sub-seconds.
    data = jpeg_with_exif(
        photo={
            BASE.DateTimeOriginal: "2024:05:01 12:30:00",
            BASE.SubsecTimeOriginal: "45",
            BASE.DateTime: "2025:01:01 00:00:00",
        }
    )
    takeout = MediaText(
        taken_at=datetime(2024, 5, 1, 10, 30, tzinfo=UTC),
        taken_at_precision="second",
        taken_at_source="takeout:photoTakenTime",
    )
    assert take(services, data, text=takeout) == (
        "2024-05-01T10:30:00.450000+00:00",
        "subsecond",
        "takeout:photoTakenTime",
    )
    day = MediaText(taken_at=datetime(2024, 5, 1, tzinfo=UTC), taken_at_precision="day", taken_at_source="xmp:dc:date")
    assert take(services, unique(CAMERA, 1), text=day)[2] == "exif:DateTimeOriginal"
    clock = MediaText(
        taken_at=datetime.fromisoformat("2024-05-01T12:30:00"),
        taken_at_precision="second",
        taken_at_source="exiftool:x",
    )
    assert take(services, unique(CAMERA, 2), text=clock)[0] == "2024-05-01T10:30:00.450000+00:00"


def test_intake__zone_of_the_setting(make_services: Callable[..., Services]) -> None:
    services = make_services(time_zone="Europe/Paris")

    assert take(services, ZONELESS)[0] == "2024-05-01T10:30:00+00:00"
    assert take(services, unique(ZONELESS, 1), text=MediaText().given_date("2024-12-01 12:30"))[:2] == (
        "2024-12-01T11:30:00+00:00",
        "minute",
    )
    assert take(services, PLAIN, "IMG_20190504_101530.jpg")[0] == "2019-05-04T08:15:30+00:00"


def test_intake__order_of_a_burst(services: Services) -> None:
    for number, subseconds in enumerate(("9", "05", "451", "45")):
        photo = {BASE.DateTimeOriginal: "2024:05:01 12:30:00", BASE.SubsecTimeOriginal: subseconds}
        take(services, jpeg_with_exif(photo=photo), f"{number}.jpg")

    with services.database.transaction() as session:
        order = session.scalars(sa.text("SELECT source_uri FROM media ORDER BY taken_at")).all()

    assert order == ["1.jpg", "3.jpg", "2.jpg", "0.jpg"]


def test_intake__large_exif_is_accepted(services: Services) -> None:
    webp = Pictures.encode(Pictures.corners(), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + bytes(80_000))

    accepted = accept_picture(services, webp, MediaText(), source="test", source_uri="a.jpg")

    assert stored(services, accepted.media_id) == (None, "", "")
    assert [one.code for one in accepted.warnings] == ["exif_too_long"]


def test_api__shows_and_changes_the_moment(client: TestClient, services: Services) -> None:
    sent = client.post(
        "/media",
        files=[("file", ("IMG-20190504-WA0003.jpg", PLAIN, "image/jpeg"))],
    )
    media_id = sent.json()["ids"][0]

    def shown() -> Stored:
        media = client.get(f"/media/{media_id}").json()
        return media["taken_at"], media["taken_at_precision"], media["taken_at_source"]

    assert shown() == ("2019-05-04T00:00:00Z", "day", "file_name")
    assert client.patch(f"/media/{media_id}", json={"taken_at": "2019-05-04"}).status_code == 200
    assert shown() == ("2019-05-04T00:00:00Z", "day", "given")
    assert client.patch(f"/media/{media_id}", json={"taken_at": "2019"}).status_code == 200
    assert shown() == ("2019-01-01T00:00:00Z", "year", "given")
    assert client.patch(f"/media/{media_id}", json={"title": "t"}).json()["taken_at_precision"] == "year"
    assert client.patch(f"/media/{media_id}", json={"taken_at": ""}).status_code == 200
    assert shown() == (None, "", "")
    with services.database.transaction() as session:
        acts = session.scalars(sa.text("SELECT details FROM audit_log WHERE act = 'media.rewritten' ORDER BY id")).all()
    assert [act["fields"] for act in acts] == [["taken_at"], ["taken_at"], ["title"], ["taken_at"]]


def test_api__keywords_of_a_list_stay_whole_and_paragraphs_stay(client: TestClient) -> None:
    sent = client.post(
        "/media",
        files=[("file", ("a.jpg", PLAIN, "image/jpeg"))],
        data={"items": '[{"keywords": ["Doe, Jane", "x"], "caption": "First line\\n\\nSecond\\n- item"}]'},
    )
    media = client.get(f"/media/{sent.json()['ids'][0]}").json()

    assert media["keywords"] == ["Doe, Jane", "x"]
    assert media["caption"] == "First line\n\nSecond\n- item"
    changed = client.patch(f"/media/{media['id']}", json={"keywords": ["Paris, France"]}).json()
    assert changed["keywords"] == ["Paris, France"]


def test_page__shows_the_moment_as_far_as_it_is_known(client: TestClient, services: Services) -> None:
    media_id = accept_picture(services, PLAIN, MediaText(keywords=("Doe, Jane", "sea")), source="test").media_id

    def shown() -> str:
        return client.get(f"/admin/media/{media_id}").text

    for moment, said in (
        ("1887", '1887 <span class="quiet">given</span>'),
        ("2004-05", "May 2004 <span"),
        ("2004-05-06", "6 May 2004 <span"),
        ("2004-05-06T12:30", "2004-05-06 12:30 <span"),
    ):
        rewrite_text(services, media_id, _given(moment), actor="test")
        assert said in shown()
    # The form gives the same keywords back.
    assert "Doe, Jane&#34;, sea" in shown()


def _given(moment: str) -> TextChanges:
    text = MediaText().given_date(moment)
    return TextChanges(taken_at=text.taken_at, taken_at_precision=text.taken_at_precision)


def test_intake__place_of_xmp(services: Services) -> None:
    data = Pictures.with_segments(
        PLAIN,
        (
            0xE1,
            b"http://ns.adobe.com/xap/1.0/\0"
            + packet("<exif:GPSLatitude>48,51.498N</exif:GPSLatitude><exif:GPSLongitude>2,17.67W</exif:GPSLongitude>"),
        ),
    )
    media_id = accept_picture(services, data, MediaText(), source="test").media_id

    with services.database.transaction() as session:
        media = get_media(session, media_id)
        assert media.exif == {"latitude_degrees": 48.8583, "longitude_degrees": -2.2945}
        assert media.sha256 == hashlib.sha256(data).digest()
