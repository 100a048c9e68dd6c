"""What an import leaves out in folders, by kind: bins and snapshots, packages of photo programs, hidden and excluded files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from backend.files.folders.pairing import MOVIE_SUFFIXES, RAW_SUFFIXES, compared, is_sidecar


class Kind(StrEnum):
    """Why a file or a folder is left out."""

    BIN = "bin"
    TRASHED = "trashed"
    SNAPSHOT = "snapshot"
    THUMBNAILS = "thumbnails"
    SYSTEM = "system"
    PACKAGE = "package"
    NOMEDIA = "nomedia"
    HIDDEN = "hidden"
    EXCLUDED = "excluded"
    MOVIE = "movie"
    RAW = "raw"
    SIDECAR = "sidecar"
    OTHER = "other"

    def label(self, count: int) -> str:
        """So many of them, in words."""
        one, many = _LABELS[self]
        return f"{count:,} {one if count == 1 else many}"

    @property
    def is_of_visible_files(self) -> bool:
        """Whether it is a file that is there to be seen, and not a picture."""
        return self in {Kind.MOVIE, Kind.RAW, Kind.SIDECAR, Kind.OTHER}


_LABELS: Final = {
    Kind.BIN: ("bin", "bins"),
    Kind.TRASHED: ("picture in the bin of its library", "pictures in the bin of their library"),
    Kind.SNAPSHOT: ("snapshot", "snapshots"),
    Kind.THUMBNAILS: ("folder of thumbnails", "folders of thumbnails"),
    Kind.SYSTEM: ("file of the system", "files of the system"),
    Kind.PACKAGE: ("package of a photo program", "packages of photo programs"),
    Kind.NOMEDIA: ("folder with .nomedia", "folders with .nomedia"),
    Kind.HIDDEN: ("hidden file", "hidden files"),
    Kind.EXCLUDED: ("excluded file", "excluded files"),
    Kind.MOVIE: ("movie", "movies"),
    Kind.RAW: ("raw file", "raw files"),
    Kind.SIDECAR: ("sidecar without a picture", "sidecars without a picture"),
    Kind.OTHER: ("file that is not a picture", "files that are not pictures"),
}

NO_MEDIA: Final = ".nomedia"

# Names in lower case, of Synology, QNAP, TrueNAS, NetApp, NETGEAR, Samba, Windows, macOS, Linux, Android, iTunes, of programs
# that keep folders alike (Syncthing, GoodSync, Nextcloud), and of those that keep what was before an edit (Picasa, ACDSee).
_FOLDERS: Final = {
    Kind.BIN: frozenset(
        {
            "#recycle", "@recycle", "$recycle.bin", "recycler", "recycled", ".recycle", ".recycle.bin", ".trash", ".trashes",
            ".trashed", "#trash", "lost+found", "lost.dir", "network trash folder", "trashbox", ".deleted", "@trash",
            "recycle bin", "recyclebin", "recycle.bin", "files_trashbin", ".dtrash",
        }
    ),
    Kind.SNAPSHOT: frozenset(
        {
            "#snapshot", "@snapshot", "@snapshots", "@recently-snapshot", "@sharesnap", ".snapshot", ".snapshots", "~snapshot",
            ".zfs", ".ckpt", ".timemachine", ".mobilebackups", "backups.backupdb",
            "files_versions",
        }
    ),
    Kind.THUMBNAILS: frozenset(
        {
            "@eadir", ".@__thumb", "@__thumb", ".thumbnails", "@synothumb", ".thumb", ".thumbs", ".wdmc",
            "ipod photo cache",
        }
    ),
    Kind.SYSTEM: frozenset(
        {
            "__macosx", "system volume information", "@tmp", "@sharebin", "@download", "@database", "@appstore", "@transcode",
            ".spotlight-v100", ".fseventsd", ".temporaryitems", ".documentrevisions-v100", ".syncthing", ".stfolder",
            ".stversions", "found.000",
            "_gsdata_", "appdata", "$windows.~bt",
        }
    ),
    Kind.PACKAGE: frozenset({".picasaoriginals", "[originals]"}),
}  # fmt: skip
_SYSTEM_FILES: Final = frozenset(
    {"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", ".ds_store", "icon\r"}
)
# Folders that a program shows as one file: its pictures are copies, previews, or under names that say nothing.
_PACKAGES: Final = (
    ".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary", ".apvault", ".migratedaplibrary", ".photoboothlibrary",
    ".lrdata", ".lrcat-data", ".lrlibrary", ".lrmprev", ".cocatalog", ".luminarcatalog", ".imovielibrary", ".fcpbundle", ".theater",
)  # fmt: skip
# Folders whose name alone says nothing, with the folder that they are in: of Capture One, iPhoto, Android's apps and Piwigo.
_CACHES: Final = frozenset(
    {
        ("captureone", "cache"),
        ("iphoto library", "data"),
        ("iphoto library", "data.noindex"),
        ("iphoto library", "previews"),
        ("iphoto library", "thumbnails"),
        ("android", "data"),
        ("_data", "i"),
    }
)
_TRASH: Final = re.compile(r"\.trash-\d+")
# Previews of Nextcloud, in its folder of data.
_PREVIEWS: Final = re.compile(r"appdata_oc\w+")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that is not imported. What is in a folder counts with it."""

    path: Path
    kind: Kind


@dataclass
class Tally:
    """How much was left out, of each kind, with the first few by name."""

    counts: dict[Kind, int] = field(default_factory=dict)
    examples: dict[Kind, list[Path]] = field(default_factory=dict)
    sidecars: list[Path] = field(default_factory=list)

    _MOST_EXAMPLES = 3

    def add(self, one: LeftOut) -> None:
        if one.kind is Kind.SIDECAR:
            # Which of them have no picture is only known once the pictures are read.
            self.sidecars.append(one.path)
        else:
            self._count(one)

    def settle(self, used: set[Path]) -> None:
        """Count the sidecars that were not used."""
        for path in self.sidecars:
            if path not in used:
                self._count(LeftOut(path, Kind.SIDECAR))
        self.sidecars = []

    def _count(self, one: LeftOut) -> None:
        self.counts[one.kind] = self.counts.get(one.kind, 0) + 1
        examples = self.examples.setdefault(one.kind, [])
        if len(examples) < self._MOST_EXAMPLES:
            examples.append(one.path)


def kind_of_folder(name: str, parent: str = "") -> Kind | None:
    """Why a folder of this name, in a folder called `parent`, is left out; None if it is not."""
    key = compared(name)
    for kind, names in _FOLDERS.items():
        if key in names:
            return kind
    if (compared(parent), key) in _CACHES or _PREVIEWS.fullmatch(key):
        return Kind.THUMBNAILS
    if _TRASH.fullmatch(key):
        return Kind.BIN
    if key.endswith(_PACKAGES):
        return Kind.PACKAGE
    return Kind.HIDDEN if key.startswith(".") else None


def kind_of_file(name: str, *, is_picture: bool) -> Kind | None:
    """Why a file of this name is left out; None for a picture that is not."""
    key = compared(name)
    if key in _SYSTEM_FILES or key.startswith("._"):
        return Kind.SYSTEM
    if key.startswith("."):
        return Kind.HIDDEN
    if is_picture:
        return None
    if is_sidecar(name):
        return Kind.SIDECAR
    suffix = Path(key).suffix
    return Kind.MOVIE if suffix in MOVIE_SUFFIXES else Kind.RAW if suffix in RAW_SUFFIXES else Kind.OTHER


class Exclusions:
    """Patterns for what is left out. `*` stands for anything but a slash, `**` also for folders, `?` for one character.

    One without a slash is compared with the name of each file and folder, one with a slash with the path below the source.
    With a slash at its end it is one of folders. Names are compared in one form, in any case of letters.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = [
            (_compiled(compared(pattern.strip("/"))), "/" in pattern.rstrip("/"), pattern.endswith("/"))
            for pattern in patterns
            if pattern.strip("/")
        ]

    def __contains__(self, place: tuple[str, bool]) -> bool:
        """Whether a path below the source, and whether it is a folder, is left out."""
        path, is_folder = compared(place[0]), place[1]
        name = path.rpartition("/")[2]
        return any(
            (is_folder or not of_folders) and pattern.fullmatch(path if of_paths else name)
            for pattern, of_paths, of_folders in self._patterns
        )


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"**/": "(?:.*/)?", "/**": "(?:/.*)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|/\*\*|\*\*|\*|\?)", pattern)
    return re.compile("".join(parts.get(piece) or re.escape(piece) for piece in pieces), re.DOTALL)
