"""What the library calls clusters and media, the pages call groups and pictures."""

import re

# What stands in quotes is the label or the title that somebody gave.
_QUOTED = re.compile(r"('[^']*')")
_CLUSTER = re.compile(r"(?<!/)\b(c)luster(s?)\b", re.IGNORECASE)
# One of them after "1" or "no", or where its id follows.
_MEDIA = re.compile(
    r"(?P<one>\b(?:1|no|no failed) )?(?<!/)\b(?P<first>m)edia\b(?P<id>(?= [0-9a-f]{8}-))?", re.IGNORECASE
)


def in_page_words(text: str) -> str:
    """A sentence of the library as the pages say it: `3 media in other clusters` is `3 pictures in other groups`."""
    parts = _QUOTED.split(text)
    return "".join(part if part.startswith("'") else _reworded(part) for part in parts)


def _reworded(text: str) -> str:
    text = _CLUSTER.sub(lambda found: ("G" if found[1] == "C" else "g") + "roup" + found[2], text)
    return _MEDIA.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    is_one = found["one"] is not None or found["id"] is not None
    return (found["one"] or "") + ("P" if found["first"] == "M" else "p") + ("icture" if is_one else "ictures")
