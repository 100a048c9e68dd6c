"""What a picture is called where people see it: its title, else what its caption begins with, else the name of its file."""

import re
import unicodedata
from typing import Final

UNTITLED: Final = "Untitled picture"
"""What a picture is called that has neither title, caption nor file name."""

MOST_TITLE_CHARACTERS: Final = 80
"""How much of a caption is shown as a title. Titles and file names are shown whole."""

MOST_CAPTION_READ: Final = 4 * MOST_TITLE_CHARACTERS
"""How much of a caption `shown_title` needs: more does not change what it returns."""

_LEAST_CLAUSE: Final = 20
_ELLIPSIS: Final = "…"
_CLOSING: Final = "\"'”’»›)]}」』）】》〉"

# Full stops of scripts that write no space after them, or whose stop means nothing else (Unicode property Sentence_Terminal).
_STOPS: Final = "。｡．！？。।॥؟۔։።၊။។៕᠃᠉།༎܀܁܂᙮꘎꘏⸮‼⁇⁈⁉"
_END: Final = re.compile(rf"[{_STOPS}]+[{re.escape(_CLOSING)}]*|[.!?…]+[{re.escape(_CLOSING)}]*(?=\s|$)")
_CLAUSE_END: Final = re.compile(r"\s*[;；؛]\s*|\s+[|•·]\s+")
# Where a long sentence may be cut. A short one keeps them: "Anna, Ben and Carla", "Kraków – the castle".
_SOFT_END: Final = re.compile(r"[,:]\s+|[，、：،፣]\s*|\s+[-–—]+\s+|\s*[—―]\s*")
_BULLETS: Final = "-–—•*·> "
# A title keeps what asks or shouts, not a full stop.
_FULL_STOPS: Final = ".。｡．।॥۔։።။។།"

# What stands before a stop that does not end the sentence, in the languages of most captions.
_SHORTENED: Final = """
    mr mrs ms messrs dr drs prof st ste mt ft no nos nr fig pl vol ed eds etc e.g i.e ca cf c vs approx est al jr sr rev hon
    gen col lt capt sgt gov sen rep pres dept inc ltd co corp bros ave blvd rd sq jan feb mar apr jun jul aug sep sept oct
    nov dec mon tue wed thu fri sat sun hr hrs min max p.m a.m u.s u.k n.y d.c z.b u.a d.h bzw usw ggf evtl inkl zzt str hl
    abb jh jhd geb gest mme mlle mm m av bd env ex sra srta dña d avda núm pág sig sigg dott ing gli vgl bzgl г ул им т.е
    т.д др стр рис
"""
_ABBREVIATIONS: Final = frozenset(_SHORTENED.split())
_DOTTED: Final = re.compile(r"(?:\w\.)+\w")


def shown_title(title: str, caption: str, file_name: str) -> str:
    """What a picture is called: its title, else the first clause of its caption, else the name of its file; '' without any.

    A clause has at most `MOST_TITLE_CHARACTERS`; what was cut within one ends in an ellipsis.
    """
    return title.strip() or first_clause(caption) or file_name.strip()


def first_clause(caption: str) -> str:
    """What a caption begins with: its first line with words, up to the end of a sentence or a semicolon; '' without words."""
    for line in caption[:MOST_CAPTION_READ].splitlines():
        clause = _clause(" ".join(line.split()).lstrip(_BULLETS))
        if _find_word(clause) < len(clause):
            return clause
    return ""


def _clause(line: str) -> str:
    sentence = line[: _end_of_sentence(line)]
    if end := _CLAUSE_END.search(sentence, _find_word(sentence)):
        sentence = sentence[: end.start()]
    sentence = _without_full_stop(sentence.strip())
    return sentence if len(sentence) <= MOST_TITLE_CHARACTERS else _shorten(sentence)


def _end_of_sentence(line: str) -> int:
    begin = _find_word(line)  # a caption may begin with "... and then"
    for found in _END.finditer(line, begin):
        if not (found.group()[0] == "." and _goes_on(line[: found.start()], line[found.end() :])):
            return found.end()
    return len(line)


def _goes_on(before: str, after: str) -> bool:
    """Whether a stop between these ends a word and not the sentence: an abbreviation, an initial, an ordinal number."""
    following = after.lstrip()
    if not following:
        return False
    *words, word = before.split()
    word = word.lstrip("([{\"'„“«")
    is_small_number = word.isdecimal() and len(word) <= 2  # "am 3. Mai"
    is_initial = len(word) == 1 and word.isalpha() and (word != "I" or not words)
    return (
        following[0].islower()
        or is_small_number
        or is_initial
        or word.lower() in _ABBREVIATIONS
        or word.endswith("str")  # "Kaiserstr."
        or _DOTTED.fullmatch(word) is not None
    )


def _without_full_stop(sentence: str) -> str:
    """Without one full stop at the end, which a title does not have; three of them stay."""
    if sentence.endswith(".") and not sentence.endswith("..") and not _ends_in_abbreviation(sentence):
        return sentence[:-1].rstrip()
    return sentence[:-1].rstrip() if sentence[-1:] in set(_FULL_STOPS) - {"."} else sentence


def _ends_in_abbreviation(sentence: str) -> bool:
    word = sentence[:-1].split()[-1:]
    return bool(word) and (word[0].lower() in _ABBREVIATIONS or _DOTTED.fullmatch(word[0]) is not None)


def _shorten(sentence: str) -> str:
    """Cut at the last comma, colon or dash that leaves enough, else after a word, else between two characters."""
    room = sentence[:MOST_TITLE_CHARACTERS]
    soft = [found.start() for found in _SOFT_END.finditer(room) if found.start() >= _LEAST_CLAUSE]
    if soft:
        return room[: soft[-1]].rstrip()
    place = sentence.rfind(" ", _LEAST_CLAUSE, MOST_TITLE_CHARACTERS)
    if place < 0:
        place = MOST_TITLE_CHARACTERS - 1
        while place > 1 and _is_within_character(sentence, place):
            place -= 1
    return sentence[:place].rstrip(" ,:;-–—") + _ELLIPSIS


def _is_within_character(text: str, place: int) -> bool:
    """Whether a reader sees one character around this place: a letter with its marks, an emoji of several parts, a flag."""
    before, after = text[place - 1], text[place]
    if _is_half_flag(after):
        halves = place - len(text[:place].rstrip("".join(filter(_is_half_flag, text[:place]))))
        return halves % 2 == 1
    is_mark = unicodedata.category(after).startswith("M") or "\U0001f3fb" <= after <= "\U0001f3ff"
    return is_mark or "\u200d" in {before, after} or "\U000e0020" <= after <= "\U000e007f"


def _is_half_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _find_word(text: str) -> int:
    """Where its first letter, number or pictograph is; its length if it is only punctuation."""
    found = (place for place, one in enumerate(text) if (kind := unicodedata.category(one))[0] in "LN" or kind == "So")
    return next(found, len(text))
