"""Readers of file names and coordinates."""

from unicodedata import normalize

import pytest

from backend.files.text import guess_date, read_epoch, read_latitude, read_longitude, read_number
from backend.moments import Standing


@pytest.mark.parametrize(
    ("name", "moment", "precision"),
    [
        ("IMG-20190504-WA0003.jpg", "2019-05-04T00:00:00", "day"),
        ("IMG_20190504_101530.jpg", "2019-05-04T10:15:30", "second"),
        ("IMG20190504101530.jpg", "2019-05-04T10:15:30", "second"),
        ("20190504_101530(1).jpg", "2019-05-04T10:15:30", "second"),
        ("PXL_20210102_101530123.jpg", "2021-01-02T10:15:30.123000+00:00", "subsecond"),
        ("00100sPORTRAIT_00100_BURST20190504101530123_COVER.jpg", "2019-05-04T10:15:30.123000", "subsecond"),
        ("Screenshot_20190504-101530_Chrome.jpg", "2019-05-04T10:15:30", "second"),
        ("Screenshot 2019-05-04 at 10.15.30 PM.png", "2019-05-04T22:15:30", "second"),
        ("WhatsApp Image 2019-05-04 at 10.15.30.jpeg", "2019-05-04T10:15:30", "second"),
        ("Bildschirmfoto 2019-05-04 um 10.15.30.png", "2019-05-04T10:15:30", "second"),
        ("photo_2019-05-04_10-15-30.jpg", "2019-05-04T10:15:30", "second"),
        ("signal-2019-05-04-101530.jpg", "2019-05-04T10:15:30", "second"),
        ("2019-05-04 10.15.30.jpg", "2019-05-04T10:15:30", "second"),
        # Twelve hours, in the words of systems and of WhatsApp
        ("WhatsApp Image 2023-04-15 at 8.15.30 PM.jpeg", "2023-04-15T20:15:30", "second"),
        ("WhatsApp Image 2023-04-15 at 12.05.30 AM (1).jpeg", "2023-04-15T00:05:30", "second"),
        ("Screenshot 2023-04-15 at 8.15.30\u202fPM.png", "2023-04-15T20:15:30", "second"),
        ("Bildschirmfoto 2023-04-15 um 8.15.30.png", "2023-04-15T08:15:30", "second"),
        ("Capture d’écran 2023-04-15 a\u0300 8.15.30.png", "2023-04-15T08:15:30", "second"),
        ("Captura de pantalla 2023-04-15 a las 20.15.30.png", "2023-04-15T20:15:30", "second"),
        ("Skærmbillede 2023-04-15 kl. 08.15.30.png", "2023-04-15T08:15:30", "second"),
        ("Снимок экрана 2023-04-15 в 08.15.30.png", "2023-04-15T08:15:30", "second"),
        ("Zrzut ekranu 2023-04-15 o 8.15.30.png", "2023-04-15T08:15:30", "second"),
        ("Näyttökuva 2023-04-15 kello 8.15.30.png", "2023-04-15T08:15:30", "second"),
        ("2023-04-15 party 081530.jpg", "2023-04-15T00:00:00", "day"),
        ("スクリーンショット 2023-04-15 8.15.30.png", "2023-04-15T08:15:30", "second"),
        ("截屏2023-04-15 下午8.15.30.png", "2023-04-15T20:15:30", "second"),
        ("스크린샷 2023-04-15 오전 8.15.30.png", "2023-04-15T08:15:30", "second"),
        ("2023-04-15 8 15 30.jpg", "2023-04-15T00:00:00", "day"),
        ("2023-04-15_8.15.30.jpg", "2023-04-15T00:00:00", "day"),
        # Japanese, Chinese, Korean
        ("2021年05月04日.jpg", "2021-05-04T00:00:00", "day"),
        ("写真 2021年5月4日 (2).jpg", "2021-05-04T00:00:00", "day"),
        ("2021年5月4日 8时15分30秒.jpg", "2021-05-04T08:15:30", "second"),
        ("2021年05月04日08時15分30秒.jpg", "2021-05-04T08:15:30", "second"),
        ("2021년 5월 4일 오후 8시 5분 3초.jpg", "2021-05-04T20:05:03", "second"),
        (normalize("NFD", "2021년 5월 4일.jpg"), "2021-05-04T00:00:00", "day"),
        ("2021年13月04日.jpg", None, None),
        # Zones
        ("2023-04-15T08_15_30+02_00.jpg", "2023-04-15T08:15:30+02:00", "second"),
        ("2023-04-15T08_15_30.123-05_00.jpg", "2023-04-15T08:15:30.123000-05:00", "subsecond"),
        ("20230415T081530+0200.jpg", "2023-04-15T08:15:30+02:00", "second"),
        ("2023-04-15T08-15-30Z.jpg", "2023-04-15T08:15:30+00:00", "second"),
        ("20230415_081530-0012.jpg", "2023-04-15T08:15:30", "second"),
        ("20230415_081530_0012.jpg", "2023-04-15T08:15:30", "second"),
        ("20230415_081530Zoo.jpg", "2023-04-15T08:15:30", "second"),
        # LINE puts the day of the download last.
        ("LINE_ALBUM_20230415_230415_1.jpg", "2023-04-15T00:00:00", "day"),
        ("LINE_ALBUM_2023.04.15_230501_12.jpg", "2023-04-15T00:00:00", "day"),
        ("1965-07-04 Grandma.jpg", "1965-07-04T00:00:00", "day"),
        ("FB_IMG_1556965530123.jpg", "2019-05-04T10:25:30+00:00", "second"),
        ("1556965530123.jpg", "2019-05-04T10:25:30+00:00", "second"),
        ("DSC_0042.jpg", None, None),
        ("12345678.jpg", None, None),
        ("20301301.jpg", None, None),
        ("IMG_20190231_1.jpg", None, None),
        ("19850504.jpg", None, None),
        ("201905041.jpg", None, None),
        ("+49 1712019 0504.jpg", None, None),
    ],
)
def test_guess_date(name: str, moment: str | None, precision: str | None) -> None:
    found = guess_date(name)

    assert (None if found is None else found.moment.isoformat()) == moment
    assert (None if found is None else found.precision.label) == precision
    assert found is None or (found.standing, found.source) == (Standing.GUESSED, "file_name")


@pytest.mark.parametrize(
    ("seconds", "moment"),
    [
        ("1588291200", "2020-05-01T00:00:00+00:00"),
        ("0", "1970-01-01T00:00:00+00:00"),
        (-86_400, "1969-12-31T00:00:00+00:00"),
        ("-2208988800", "1900-01-01T00:00:00+00:00"),
        (31536000.5, "1971-01-01T00:00:00.500000+00:00"),
        ("", None),
        ("soon", None),
        (None, None),
        (True, None),
        ("9" * 30, None),
        ([], None),
    ],
)
def test_read_epoch(seconds: object, moment: str | None) -> None:
    found = read_epoch(seconds, Standing.ORIGINAL, "takeout:photoTakenTime")

    assert (None if found is None else found.moment.isoformat()) == moment


@pytest.mark.parametrize(
    ("raw", "degrees"),
    [
        ("2,17.67W", -2.2945),
        ("2,17,40.2W", -2.2945),
        ("2,17.67E", 2.2945),
        ("2 deg 17' 40.20\" W", -2.2945),
        ("2° 17′ 40.20″ W", -2.2945),
        ("2°17'40.2\"E", 2.2945),
        ("W 2.2945", -2.2945),
        ("2.2945 West", -2.2945),
        ("-2.2945", -2.2945),
        ("+2.2945", 2.2945),
        (-2.2945, -2.2945),
        (180, 180.0),
        ("2", 2.0),
        ("2.2945 N", None),
        ("2,61.0E", None),
        ("181", None),
        (180.5, None),
        (float("nan"), None),
        (True, None),
        ("", None),
        ("west", None),
        (None, None),
        ("1" * 100, None),
    ],
)
def test_read_longitude(raw: object, degrees: float | None) -> None:
    assert read_longitude(raw) == degrees


def test_read_latitude__its_own_letters_and_bound() -> None:
    assert read_latitude("48,51.498N") == 48.8583
    assert read_latitude("48 deg 51' 29.88\" S") == -48.8583
    assert read_latitude("48,51.498E") is None
    assert read_latitude(91) is None


@pytest.mark.parametrize(
    ("raw", "number"),
    [("1251/10", 125.1), ("+12.5", 12.5), ("-3 m", -3.0), (7, 7.0), ("1/0", None), ("high", None), (None, None)],
)
def test_read_number(raw: object, number: float | None) -> None:
    assert read_number(raw) == number
