"""Entries of the navigation, and who sees them."""

from dataclasses import dataclass

from backend.features.access import Visitor


@dataclass(frozen=True)
class Entry:
    """A page in the navigation.

    Attributes:
        key: name that the page marks itself active with.
        label: text of the link.
        path: address below /admin.
        icon: name in the icon sprite.
        shortcut: key to press after `g`.
        for_admins: whether the page, and all below it, is for admins only.
    """

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

# A phone has room for this many; the others are behind "More".
AT_HAND = 4

ACCOUNT = Entry("account", "Account", "/account", "person", "a")


def list_entries(visitor: Visitor | None) -> tuple[Entry, ...]:
    """The entries that this visitor may see."""
    if visitor is None:
        return ()
    shown = tuple(entry for entry in ENTRIES if visitor.is_admin or not entry.for_admins)
    return shown if visitor.session_id is None else (*shown, ACCOUNT)


def is_for_admins(path: str) -> bool:
    """Whether a path below /admin is for admins only."""
    return any(path == entry.path or path.startswith(f"{entry.path}/") for entry in ENTRIES if entry.for_admins)
