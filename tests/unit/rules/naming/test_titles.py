import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.rules.naming import MOST_CAPTION_READ, shown_title
from backend.rules.naming.titles import MOST_TITLE_CHARACTERS, first_clause

FAMILY = "👨‍👩‍👧‍👦"
FRANCE = "🇫🇷"


@pytest.mark.parametrize(
    ("title", "caption", "file_name", "shown"),
    [
        ("The harbour", "Boats. And gulls.", "IMG_2041.HEIC", "The harbour"),
        ("The harbour. At dusk; with boats", "", "", "The harbour. At dusk; with boats"),
        ("", "Boats. And gulls.", "IMG_2041.HEIC", "Boats"),
        ("  ", "\n", "IMG_2041.HEIC", "IMG_2041.HEIC"),
        ("", "...", "IMG_2041.HEIC", "IMG_2041.HEIC"),
        ("", "", "", ""),
    ],
)
def test_shown_title__title_then_caption_then_file(title: str, caption: str, file_name: str, shown: str) -> None:
    assert shown_title(title, caption, file_name) == shown


@pytest.mark.parametrize(
    ("caption", "clause"),
    [
        # The end of a sentence, in any script.
        ("Harbour at dusk. Boats come home.", "Harbour at dusk"),
        ("夕日の港。船が帰る。", "夕日の港"),
        ("日落时的港口！船回来了。", "日落时的港口！"),
        ("مرفأ عند الغروب؟ نعم", "مرفأ عند الغروب؟"),
        ("غروب آفتاب۔ کشتیاں", "غروب آفتاب"),
        ("सूर्यास्त पर बंदरगाह। नावें लौटती हैं।", "सूर्यास्त पर बंदरगाह"),
        ("Մայրամուտ։ Նավակներ", "Մայրամուտ"),
        ("ጀምበር ስትጠልቅ። ጀልባዎች", "ጀምበር ስትጠልቅ"),
        ("Гавань на закате. Лодки.", "Гавань на закате"),
        ("¿Qué es esto? Un barco.", "¿Qué es esto?"),
        ("ประภาคารสีแดงเหนือทะเล ยามพลบค่ำ", "ประภาคารสีแดงเหนือทะเล ยามพลบค่ำ"),
        ("Wow! What a day", "Wow!"),
        ('He said "Go." Then he left', 'He said "Go."'),
        ("In 1999. We were young.", "In 1999"),
        # Stops that end no sentence.
        ("Dr. Smith and Mrs. J. Doe at St. Mary's. Later.", "Dr. Smith and Mrs. J. Doe at St. Mary's"),
        ("Am 3. Mai in Wien. Schön war es.", "Am 3. Mai in Wien"),
        (
            "Herr Meier, z. B. in der Kaiserstr. Nr. 5, lacht. Schön.",
            "Herr Meier, z. B. in der Kaiserstr. Nr. 5, lacht",
        ),
        ("Мы с др. Ивановым в г. Москве. Потом дождь.", "Мы с др. Ивановым в г. Москве"),
        ("The U.S. Capitol at 9 p.m. in May. Big.", "The U.S. Capitol at 9 p.m. in May"),
        ("Washington, D.C.", "Washington, D.C."),
        ("See a.b/c.html and 2.5 m of snow. Cold", "See a.b/c.html and 2.5 m of snow"),
        ("Wait... what? Yes", "Wait... what?"),
        ("... and then it rained. Hard.", "... and then it rained"),
        # Clauses, lines and lists.
        ("A boat at the pier; gulls above", "A boat at the pier"),
        ("قارب؛ نوارس", "قارب"),
        ("Anna, Ben and Carla: the team", "Anna, Ben and Carla: the team"),
        ("Kraków – the castle", "Kraków – the castle"),
        ("\n  First\tline \n\nSecond paragraph. More.", "First line"),
        ("---\nThe trip", "The trip"),
        ("- one boat\n- two boats", "one boat"),
        # What is no sentence at all.
        ("🌅", "🌅"),
        ("2024", "2024"),
        ("?!", ""),
        ("", ""),
    ],
)
def test_first_clause(caption: str, clause: str) -> None:
    assert first_clause(caption) == clause


@pytest.mark.parametrize(
    ("caption", "clause"),
    [
        (
            "The long descent from the hut over the glacier, past the moraine, and down through endless woods to the village",
            "The long descent from the hut over the glacier, past the moraine",
        ),
        (
            "A very long walk without any pause that someone described in one breath from the first to the last step",
            "A very long walk without any pause that someone described in one breath from…",
        ),
        ("港" * 200, "港" * 79 + "…"),
        ("x" * 500, "x" * 79 + "…"),
        ("e\u0301" * 200, "e\u0301" * 39 + "…"),
        (FAMILY * 40, FAMILY * 11 + "…"),
        (FRANCE * 60, FRANCE * 39 + "…"),
        ("a" + FRANCE * 60, "a" + FRANCE * 39 + "…"),
        ("👍🏽" * 60, "👍🏽" * 39 + "…"),
    ],
)
def test_first_clause__is_bounded_and_cuts_no_character(caption: str, clause: str) -> None:
    assert first_clause(caption) == clause
    assert len(clause) <= MOST_TITLE_CHARACTERS
    assert not unicodedata.category(clause[0]).startswith("M")


def test_first_clause__needs_no_more_of_a_caption_than_statements_read() -> None:
    for words in ("A boat and another boat, ", "港町の夕日、", "x", "Dr. No "):
        caption = words * 400
        assert first_clause(caption) == first_clause(caption[:MOST_CAPTION_READ]) != ""


@given(st.text() | st.text("a.B!。;—,: \n\u0301🇫", max_size=400))
def test_first_clause__of_any_text_is_one_bounded_line(caption: str) -> None:
    clause = first_clause(caption)
    assert len(clause) <= MOST_TITLE_CHARACTERS
    assert len(clause.splitlines()) <= 1
    assert clause == clause.strip()
