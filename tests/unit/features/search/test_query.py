"""Validation of search queries."""

import unicodedata

from backend.features.search import SearchQuery
from backend.features.search.query import checked


def test_checked__words_in_one_unicode_form() -> None:
    """A Mac sends letters and accents apart; tokenizers read these as other words."""
    apart = unicodedata.normalize("NFD", "Café in Zürich")
    query = checked(SearchQuery(words=f" {apart} ", not_words=(apart,)))
    assert query.words == "Café in Zürich"
    assert query.not_words == ("Café in Zürich",)
    assert query.digest() == checked(SearchQuery(words="Café in Zürich", not_words=("Café in Zürich",))).digest()
