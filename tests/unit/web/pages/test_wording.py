"""One word for one thing on all pages, whoever wrote the sentence."""

import pytest

from backend.web.pages.wording import in_page_words

ID = "01a20d89-0561-7092-9775-74416ec290b2"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("There is no cluster 7.", "There is no group 7."),
        ("Cluster 3 cannot be merged into itself.", "Group 3 cannot be merged into itself."),
        (f"There is no media {ID}.", f"There is no picture {ID}."),
        (f"There is no failed media {ID}.", f"There is no failed picture {ID}."),
        (f"Media {ID} is not in cluster 3.", f"Picture {ID} is not in group 3."),
        ("Threshold 0.9 instead of 0.82: 3 media in other clusters", "Threshold 0.9 instead of 0.82: 3 pictures in other groups"),
        ("Moved 1 media to cluster 4", "Moved 1 picture to group 4"),
        ("Moved 11 media to cluster 4", "Moved 11 pictures to group 4"),
        ("Workers are busy with these media.", "Workers are busy with these pictures."),
        ("Merged cluster 5 'media cluster' into cluster 3 'art'", "Merged group 5 'media cluster' into group 3 'art'"),
        ("`mediacluster stop`, GET /clusters", "`mediacluster stop`, GET /clusters"),
    ],
)  # fmt: skip
def test_in_page_words(said: str, shown: str) -> None:
    assert in_page_words(said) == shown
