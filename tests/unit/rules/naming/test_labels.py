"""Labels from words: what sets a cluster apart, in whatever language, and nothing where nothing is said."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from backend.rules.naming import MemberText, TermStatistics, label_by_terms, label_of_single, nearest_words, read_terms
from backend.rules.naming.terms import stop_words


def said(keywords: str = "", caption: str = "", title: str = "") -> MemberText:
    return MemberText(tuple(word.strip() for word in keywords.split(",") if word.strip()), title, caption)


def labels_of(*clusters: Sequence[MemberText]) -> list[str]:
    terms = [read_terms(members) for members in clusters]
    return label_by_terms(terms, TermStatistics.count(terms))


def test_label_by_terms__what_sets_apart_goes_before_what_is_common() -> None:
    common = "holiday, 2024, family"
    lighthouse, castle, market = labels_of(
        [said(f"{common}, lighthouse, coast") for _ in range(5)],
        [said(f"{common}, castle") for _ in range(5)],
        [said(f"{common}, market, fruit") for _ in range(5)],
    )
    assert set(lighthouse.split(", ")[:2]) == {"lighthouse", "coast"}
    assert castle.split(", ")[0] == "castle"
    assert set(market.split(", ")[:2]) == {"market", "fruit"}


def test_label_by_terms__common_in_the_library_though_rare_here() -> None:
    clusters = [[said("sea, lighthouse")] * 3 + [said("sea")]] + [[said(f"sea, thing{n}x")] * 4 for n in range(20)]
    assert labels_of(*clusters)[0].split(", ")[0] == "lighthouse"


def test_label_by_terms__keywords_weigh_more_than_captions() -> None:
    first, _ = labels_of(
        [said("harbour", "Some boats lie there"), said("harbour", "Two boats")] * 2,
        [said("desert")] * 3,
    )
    assert first == "harbour, boats"


def test_label_by_terms__phrases_stay_whole() -> None:
    first, second = labels_of(
        [said("hot air balloon", "A balloon full of air, and the sky")] * 4,
        [said("", "The Golden Gate in fog")] * 3 + [said("", "Under the Golden Gate")],
    )
    assert first.startswith("hot air balloon")
    assert "air" not in first.replace("hot air balloon", "")
    assert second.startswith("Golden Gate")


@pytest.mark.parametrize(
    ("keywords", "label"),
    [
        ("tulip, tulips", "tulips"),
        ("city, cities", "cities"),
        ("Leuchtturm, Leuchttürme", "Leuchtturm"),
        ("campfire, camp fire", "campfire"),
        ("gatto, gatti", "gatti"),
        ("hot-air balloon, hot air balloon", "hot-air balloon"),
    ],
)
def test_label_by_terms__forms_of_one_word_count_as_one(keywords: str, label: str) -> None:
    (found,) = labels_of([said(keyword) for keyword in [*keywords.split(", "), label]])
    assert found == label


def test_label_by_terms__two_languages_without_their_small_words() -> None:
    german, french = labels_of(
        [said("", "Der alte Leuchtturm an der Küste"), said("", "Ein Leuchtturm bei uns auf der Insel")] * 2,
        [said("", "Le vieux château sur la colline"), said("", "Un château d'Orcia dans les vignes")] * 2,
    )
    assert german.split(", ")[0] == "Leuchtturm"
    assert french.split(", ")[0] == "château"
    every = {word.casefold() for label in (german, french) for word in label.replace(",", "").split()}
    assert not every & stop_words()


def test_label_by_terms__emoji_and_signs_say_nothing() -> None:
    first, second, third = labels_of(
        [said("🌅, sunset 🌅, #beach", "🏖️🏖️ !!!")] * 2,
        [said("🔥🔥🔥", "😀 😀", "IMG_1234 (2).jpg")] * 2,
        [said("漢, 富士山")] * 2,
    )
    assert set(first.split(", ")) == {"sunset", "beach"}
    assert second == ""
    assert set(third.split(", ")) == {"漢", "富士山"}


def test_label_by_terms__no_text_at_all() -> None:
    assert labels_of([said()] * 3, []) == ["", ""]
    assert label_by_terms([], TermStatistics.count([])) == []


def test_label_by_terms__one_voice_is_not_the_clusters() -> None:
    lone, few = labels_of([said("Bob")] + [said()] * 29, [said("Bob"), said(), said()])
    assert lone == ""
    assert few == "Bob"


def test_label_by_terms__the_same_texts_everywhere() -> None:
    texts = [said("sea, sky, sand, sun", "At the sea")] * 4
    labels = labels_of(texts, texts, texts)
    assert len(set(labels)) == 1
    assert len(labels[0].split(", ")) == 3


def test_label_by_terms__the_same_in_any_order() -> None:
    words = ["sea", "sky", "sand", "sun", "surf", "Salt Lake", "salt lake", "spray"]
    generator = random.Random(3)
    clusters = [[said(",".join(generator.sample(words, 4)), "Wind and waves") for _ in range(6)] for _ in range(5)]
    expected = labels_of(*clusters)
    for seed in range(5):
        shuffled = [random.Random(seed).sample(members, len(members)) for members in clusters]
        assert labels_of(*shuffled) == expected


def test_label_by_terms__a_cluster_newer_than_the_statistics() -> None:
    old = [read_terms([said("sea, beach")] * 4), read_terms([said("sea, pier")] * 4)]
    statistics = TermStatistics.from_json(TermStatistics.count(old).to_json())
    (label,) = label_by_terms([read_terms([said("sea, penguin")] * 4)], statistics)
    assert label.split(", ")[0] == "penguin"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (said("lighthouse, sea", title="Last Light of the Coast"), "lighthouse, sea, Last Light"),
        (said("", "A walk by the sea", "Last Light of the Coast"), "Last Light of the Coast"),
        (said("", "A walk by the sea", "DSC_0042.JPG"), "walk, sea"),
        (said("", "", "IMG_1234"), ""),
    ],
)
def test_label_of_single__keywords_then_title_then_caption(text: MemberText, label: str) -> None:
    terms = read_terms([text])
    found = label_of_single(text, terms, label_by_terms([terms], TermStatistics.count([terms]))[0])
    assert found.split(", ")[:2] == label.split(", ")[:2]


def test_read_terms__a_member_counts_once() -> None:
    terms = read_terms([said("sea", "Sea, sea, the sea"), said("", "sky")])
    assert terms.members == {"sea": 1, "sky": 1}
    assert terms.weights == {"sea": 3.0, "sky": 1.0}
    assert (terms.size, terms.speaking) == (2, 2)


def test_nearest_words__the_nearest_and_one_as_near() -> None:
    words = ["forest", "rain forest", "sea", "castle"]
    vectors = np.array([[1, 0, 0], [0.999, 0.04, 0], [0.9995, 0, 0.03], [0, 1, 0]], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert nearest_words(np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32), vectors, words) == [
        "forest, sea",
        "castle",
    ]
