"""What the navigation lists, and for whom. A page that is not there yet is left out."""

from dataclasses import dataclass

from backend.features.access import Visitor


@dataclass(frozen=True)
class Entry:
    """key: what a page calls itself; path: below /admin; icon: of the sprite; shortcut: the key after `g`; for_admins:
    it and everything below it is for admins alone."""

    key: str
    label: str
    path: str
    icon: str
    shortcut: str
    for_admins: bool = False


ENTRIES = (
    Entry("clusters", "Groups", "/", "groups", "g"),
    Entry("search", "Search", "/search", "search", "s"),
    Entry("upload", "Upload", "/upload", "upload", "u"),
    Entry("review", "Review", "/review", "review", "r"),
    Entry("quality", "Quality", "/quality", "quality", "q"),
    Entry("model", "Model", "/model", "model", "m", for_admins=True),
    Entry("operations", "Operations", "/operations", "operations", "o", for_admins=True),
)

# On a phone the bar has room for so many; the others are behind "More".
AT_HAND = 4

ACCOUNT = Entry("account", "Account", "/account", "person", "a")


def list_entries(visitor: Visitor | None) -> tuple[Entry, ...]:
    """Of these, what this visitor may see."""
    if visitor is None:
        return ()
    shown = tuple(entry for entry in ENTRIES if visitor.is_admin or not entry.for_admins)
    return shown if visitor.session_id is None else (*shown, ACCOUNT)


def is_for_admins(path: str) -> bool:
    """Whether a path below /admin belongs to a page that is for admins alone."""
    return any(path == entry.path or path.startswith(f"{entry.path}/") for entry in ENTRIES if entry.for_admins)
