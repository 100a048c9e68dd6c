"""What the navigation lists. A page that is not there yet is left out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """key: what a page calls itself; path: below /admin; icon: of the sprite; shortcut: the key after `g`."""

    key: str
    label: str
    path: str
    icon: str
    shortcut: str


ENTRIES = (
    Entry("clusters", "Groups", "/", "groups", "g"),
    Entry("search", "Search", "/search", "search", "s"),
)
