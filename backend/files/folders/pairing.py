"""Which sidecar belongs to which picture: decided from the names of a whole folder at once.

Names are compared in one Unicode form and without regard to case; where that leaves several, the same spelling decides.
Each sidecar goes to one picture at most, and to the edited copies of that picture. Google Takeout writes, for `IMG.jpg` and
`IMG(1).jpg`:

    IMG.jpg.json, IMG.jpg(1).json                     until 2024
    IMG.jpg.supplemental-metadata.json, ...(1).json   since, cut anywhere to fit: `.supplemen.json`, `.s.json`, `..json`
    IMG.json, IMG.supplemental-metadata.json          without the extension

The name before `.json` and before its number has at most 46 characters (51 in some archives), so long names lose their ends.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

SIDECAR_SUFFIXES: Final = (".json", ".xmp", ".txt")
"""What a sidecar can be, the one that wins first."""

MOVIE_SUFFIXES: Final = frozenset(
    {
        ".mp4",
        ".mov",
        ".m4v",
        ".avi",
        ".mkv",
        ".webm",
        ".3gp",
        ".3g2",
        ".mpg",
        ".mpeg",
        ".mts",
        ".m2ts",
        ".wmv",
        ".mp",
        ".mv",
    }
)
"""Movies, also those of live photos. They own sidecars, and are not imported."""

RAW_SUFFIXES: Final = frozenset(
    {
        ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf", ".orf", ".rw2", ".pef", ".srw", ".x3f",
        ".iiq", ".3fr", ".erf", ".kdc", ".dcr", ".mrw", ".rwl", ".gpr",
    }
)  # fmt: skip
"""Raw files. Programs that develop them keep their words in `NAME.xmp`."""

_SUPPLEMENT: Final = "supplemental-metadata"
_CUTS: Final = (46, 51)
_NUMBER: Final = re.compile(r"(.+)\((\d{1,6})\)", re.DOTALL)
# What Google Photos appends to the name of an edited copy, which has no JSON of its own: for what it made by itself in English,
# for the others in the language of the account. The words are those that GooglePhotosTakeoutHelper, immich-go and their users
# have met or expect. Nobody knows all of them.
_EDITED: Final = (
    "-edited", "-effects", "-smile", "-mix", "-collage", "-animation", "-pano", "-motion",
    "-bearbeitet", "-modifié", "-modifie", "-editado", "-editada", "-ha editado", "-modificato", "-modificata", "-editat",
    "-bewerkt", "-edytowane", "-redigerad", "-redigeret", "-redigert", "-muokattu", "-upraveno", "-upravené", "-szerkesztett",
    "-düzenlendi", "-измененный", "-изменено", "-відредаговано", "-編集済み", "-已修改", "-已編輯", "-已编辑", "-수정됨",
    "-отредактировано", "-编辑", "-편집됨", "-diedit", "-đã chỉnh sửa", "-redaguota", "-редактирано", "-uređeno", "-upravená",
    "-επεξεργασμένο", "-נערך", "-แก้ไขแล้ว",
)  # fmt: skip
# What Pixel phones append to the name of an edited copy. It may have its own JSON, which then wins.
_AGAIN: Final = re.compile(r"(.+)~\d{1,2}", re.DOTALL)
# A sidecar whose name fits more files than this says nothing. The bound limits the work.
_MOST_OWNERS: Final = 64
_LEAST_CUT_EDITED: Final = 3  # "-ed"


class Fit(IntEnum):
    """How exactly a sidecar names its picture; the most exact first."""

    NAME = 0
    NUMBERED = 1
    STEM = 2
    CUT = 3
    TWIN = 4


@dataclass(frozen=True, slots=True)
class Pairing:
    """The sidecars of the pictures of a folder.

    Attributes:
        sidecars: by picture, those that win first.
        contested: by sidecar, the pictures that could own it. None of them gets it.
        ownerless: sidecars of no picture that is there.
    """

    sidecars: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contested: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ownerless: tuple[str, ...] = ()


def pair_sidecars(
    pictures: Iterable[str], others: Iterable[str], told: Callable[[str], str | None] = lambda _: None
) -> Pairing:
    """Pair the pictures of a folder with their sidecars.

    Args:
        pictures: names of the pictures.
        others: names of all other files. Movies and raw files among them own sidecars too.
        told: the file name that a sidecar gives inside, if it does. It is asked for names that are not exact.

    """
    others = list(others)
    shown = list(pictures)
    names = [name for name in others if not is_sidecar(name)]
    owners = _Owners(shown, names)
    found: dict[str, list[tuple[int, Fit, str]]] = defaultdict(list)
    contested: dict[str, tuple[str, ...]] = {}
    ownerless = []
    # A picture named x.json must not be its own sidecar.
    for sidecar in sorted({name for name in others if is_sidecar(name)} - set(shown)):
        fit, chosen = _choose(owners, sidecar, told)
        if len(chosen) > 1:
            contested[sidecar] = tuple(sorted(chosen))
        elif not chosen:
            ownerless.append(sidecar)
        else:
            suffix = SIDECAR_SUFFIXES.index(_suffix(sidecar))
            for picture in owners.stands_for(chosen[0]):
                found[picture].append((suffix, fit, sidecar))
    owned = {picture: tuple(sidecar for *_, sidecar in sorted(ranked)) for picture, ranked in found.items()}
    for edited, original in owners.edited_copies():
        if edited not in owned and original in owned:
            owned[edited] = owned[original]
    return Pairing(owned, contested, tuple(ownerless))


def is_sidecar(name: str) -> bool:
    """Whether a file name is one of a sidecar, of whatever picture."""
    return _suffix(name) in SIDECAR_SUFFIXES


def compared(name: str) -> str:
    """The name in the form in which names are compared: composed, without case."""
    # Again afterwards: some composed letters without case are not composed.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


class _Owners:
    """The files of a folder that can own a sidecar, by all names that a sidecar can give them."""

    def __init__(self, pictures: list[str], others: Iterable[str]) -> None:
        self._pictures = frozenset(pictures)
        self._by_name: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._by_stem: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._by_cut: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._edited: list[tuple[str, str]] = []
        self._stand_ins: dict[str, list[str]] = defaultdict(list)
        for name in pictures:
            self._add(name)
        for name in others:
            if _suffix(name) in MOVIE_SUFFIXES | RAW_SUFFIXES:
                self._add(name)
        self._pair_edited_copies()

    def is_picture(self, name: str) -> bool:
        return name in self._pictures or name in self._stand_ins

    def stands_for(self, name: str) -> list[str]:
        """The pictures that get a sidecar of this one: itself, or the edited copies of one that is not there."""
        return self._stand_ins.get(name, [name])

    def edited_copies(self) -> list[tuple[str, str]]:
        """Edited copies, each with its original."""
        return self._edited

    def find(self, sidecar: str) -> Iterator[tuple[Fit, list[str]]]:
        """The files that the name of a sidecar fits, those that it fits best first."""
        stem = _stem(sidecar)
        for fit, table, key in self._readings(stem, is_json=_suffix(sidecar) == ".json"):
            names = list(dict.fromkeys(table.get(key, ())))
            if len(names) > _MOST_OWNERS:
                return
            if names:
                # Letters of other case and form count only where nothing is spelled the same.
                spelled = [name for name in names if stem.startswith(name)]
                yield fit, spelled or [name for name in names if _is_spelled(stem, name)] or names

    def _readings(
        self, stem: str, *, is_json: bool
    ) -> Iterator[tuple[Fit, Mapping[tuple[str, str], list[str]], tuple[str, str]]]:
        key = compared(stem)
        yield Fit.NAME, self._by_name, (key, "")
        if not is_json:
            yield Fit.STEM, self._by_stem, (key, "")
            return
        bare, number = _split_number(key)
        before, dot, last = bare.rpartition(".")
        is_supplemented = bool(dot) and _SUPPLEMENT.startswith(last)
        if is_supplemented:
            yield Fit.NAME, self._by_name, (before, number)
        if number:
            yield Fit.NUMBERED, self._by_name, (bare, number)
            # Some archives repeat it: IMG(1).jpg.supple(1).json belongs to IMG(1).jpg.
            yield from (
                (Fit.NUMBERED, self._by_name, (one, "")) for one in (before, bare) if one and _has_number(one, number)
            )
        yield Fit.STEM, self._by_stem, (key, "")
        if is_supplemented:
            yield Fit.STEM, self._by_stem, (before, number)
        yield Fit.CUT, self._by_cut, (bare, number)
        if number:
            yield Fit.TWIN, self._by_cut, (bare, "")

    def _add(self, name: str) -> None:
        key = compared(name)
        stem, suffix = _stem(key), _suffix(key)
        bare, number = _split_number(stem)
        self._by_name[key, ""].append(name)
        self._by_stem[stem, ""].append(name)
        if number:
            self._by_name[bare + suffix, number].append(name)
            self._by_stem[bare, number].append(name)
        # Google cuts first and numbers then.
        for cut in _cuts(_split_number(_stem(name))[0] + name[len(_stem(name)) :]):
            self._by_cut[compared(cut), number].append(name)

    def _pair_edited_copies(self) -> None:
        for name in sorted(self._pictures):
            for original in _originals(name):
                stem, number = _split_number(_stem(original))
                same = self._by_name.get((original, "")) or self._by_stem.get((stem, number) if number else (stem, ""))
                same = [one for one in same or () if one in self._pictures and one != name]
                if len(same) == 1:
                    self._edited.append((name, same[0]))
                    break
                if not same:
                    # The original is not there, but its JSON may be.
                    if original not in self._stand_ins:
                        self._add(original)
                    self._stand_ins[original].append(name)
                    break


def _choose(owners: _Owners, sidecar: str, told: Callable[[str], str | None]) -> tuple[Fit, list[str]]:
    """Who is to get a sidecar: one picture, none, or several that cannot be told apart."""
    for fit, candidates in owners.find(sidecar):
        if fit < Fit.STEM:
            return fit, [name for name in candidates if owners.is_picture(name)]
        name = told(sidecar)
        # Pictures whose names differ only after what JSON keeps of them: it is numbered then, and they are not.
        if fit == Fit.TWIN and (name is None or len(candidates) == 1):
            continue
        believed = _believe(candidates, name)
        if believed:
            return fit, _without_companions(sidecar, believed, owners)
    return Fit.CUT, []


def _believe(candidates: list[str], told: str | None) -> list[str]:
    """Those that can have the file name that a sidecar gives; all where it gives none."""
    if told is None:
        return candidates
    exact = [name for name in candidates if compared(name) == compared(told)]
    return exact or [name for name in candidates if _is_written_as(told, name)]


def _is_written_as(told: str, name: str) -> bool:
    """Whether a file of this name may be what an archive has made of the told one: numbered, cut, with other characters."""
    bare = _plain(_split_number(_stem(name))[0])
    whole = _plain(_stem(told))
    if _is_edited_copy(name):
        return True
    same_end = _suffix(name).replace("jpeg", "jpg") == _suffix(told).replace("jpeg", "jpg")
    return same_end and (whole.startswith(bare) or bare == _plain(_split_number(_stem(told))[0]))


def _without_companions(sidecar: str, candidates: list[str], owners: _Owners) -> list[str]:
    """The pictures without what comes with them: a movie leaves words to its live photo, a JPEG leaves XMP to its raw file."""
    pictures = [name for name in candidates if owners.is_picture(name)]
    raws = [name for name in pictures if _suffix(name) in RAW_SUFFIXES]
    return raws if len(raws) == 1 and _suffix(sidecar) == ".xmp" else pictures


def _is_spelled(stem: str, name: str) -> bool:
    """Whether a sidecar spells the name as the file does, as far as it gives it."""
    own = _split_number(_stem(name))[0]
    return stem.startswith(own) or own.startswith(_split_number(stem)[0])


def _originals(name: str) -> Iterator[str]:
    """The name, as compared, that the original of an edited copy has: without `-edited`, and with the same number."""
    key = compared(name)
    suffix = _suffix(key)
    stem, number = _split_number(_stem(key))
    tail = f"({number})" if number else ""
    if again := _AGAIN.fullmatch(stem):
        yield again[1] + tail + suffix
        return
    for word in _EDITED:
        ending = compared(word)
        if stem.endswith(ending) and len(stem) > len(ending):
            yield stem[: -len(ending)] + tail + suffix
            return
        # Names are cut at 51 characters, with the ending.
        for length in range(len(ending) - 1, _LEAST_CUT_EDITED - 1, -1):
            if len(stem) + len(suffix) >= _CUTS[1] and stem.endswith(ending[:length]):
                yield stem[:-length] + tail + suffix
                return


def _is_edited_copy(name: str) -> bool:
    return next(_originals(name), None) is not None


def _cuts(name: str) -> Iterator[str]:
    """What is left of a name that is too long: counted in characters, in UTF-16 and in bytes, as programs do."""
    whole = name
    for form in {unicodedata.normalize("NFC", whole), unicodedata.normalize("NFD", whole)}:
        for limit in _CUTS:
            yield from {
                form[:limit],
                form.encode("utf-16-le", "surrogatepass")[: 2 * limit].decode("utf-16-le", "ignore"),
                form.encode("utf-8", "surrogatepass")[:limit].decode("utf-8", "ignore"),
            } - {form}


def _plain(text: str) -> str:
    """Letters and digits as compared; what archives replace in file names counts as one character."""
    return "".join(one if one.isalnum() else "_" for one in compared(text))


def _split_number(stem: str) -> tuple[str, str]:
    """`IMG(1)` as `IMG` and `1`; the number is '' where there is none."""
    found = _NUMBER.fullmatch(stem)
    return (found[1], found[2]) if found else (stem, "")


def _has_number(name: str, number: str) -> bool:
    return _split_number(_stem(name))[1] == number


def _suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if stem and dot and suffix else ""


def _stem(name: str) -> str:
    """The name without its suffix. `a.jpg..json` leaves `a.jpg.`."""
    return name[: -len(suffix)] if (suffix := _suffix(name)) else name
