"""Conversion of text that may contain HTML to plain words."""

import html
import re
import unicodedata
from typing import Final

# Elements of HTML, present and past; `<` before anything else is a less-than sign, so that "1 < 2", "i <3 you" and
# "x <y> z" survive. Names with a colon or hyphen come from word processors and web components.
_ELEMENTS: Final = (
    "abbr acronym address applet area article aside audio base bdi bdo big blockquote body br button canvas "
    "caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset "
    "figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe img "
    "input ins kbd label legend li link main map mark marquee math menu meta meter nav nobr noframes noscript object "
    "ol optgroup option output param picture pre progress rp rt ruby samp script section select slot small "
    "source span strike strong style sub summary sup svg table tbody td template textarea tfoot th thead time title "
    "tr track tt ul var video wbr"
)
_TAG: Final = re.compile(
    r"<(?:!--|!doctype\b[^<>]*>|/?(?:"
    rf"({_ELEMENTS.replace(' ', '|')}|[a-z][a-z0-9]*[:-][a-z0-9:-]*)(?=[\s/>])"
    # One letter is a tag only if it stands alone or has attributes: "a <b and c> d" is a sum.
    r"|([abipqsu])(?=\s*/?>|\s[^<>]*=)"
    r")[^<>]*>)",
    re.IGNORECASE,
)
# Only with its semicolon, so that "rock&notes" does not contain the entity &not.
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
_INVISIBLE_ELEMENTS: Final = ("script", "style", "template", "noscript", "head", "iframe", "object", "svg", "math")
# Elements that may occur within a word (and comments, which have no name); all others separate words.
_INLINE_ELEMENTS: Final = (
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q s samp small span "
    "strike strong sub sup time tt u var wbr"
)
_INLINE: Final = frozenset({"", *_INLINE_ELEMENTS.split()})
# Soft hyphen, zero-width space, bidirectional overrides and isolates, byte order mark. The joiners stay: scripts
# of India and emoji need them.
_INVISIBLE_CHARACTERS: Final = frozenset(
    "\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
# An end of a line before another one that is not empty and begins no item of a list.
_WRAP: Final = re.compile(r"(?<![\r\n])\r?\n(?![\r\n]|\s*(?:[-*•–—+]|\d{1,3}[.)])\s)")
_EMPTY_LINES: Final = re.compile(r"\n{3,}")
_MAX_PASSES: Final = 5


def strip_markup(raw: str, *, keep_lines: bool = False) -> str:
    """Return the words of `raw`: no tags, entities, control or invisible characters; NFC; single spaces.

    `keep_lines`: line ends stay, and elements that are no part of a line end one; at most one line in a row is empty.
    Idempotent, so text that is escaped twice cannot smuggle a tag through.
    """
    text = raw
    for _ in range(_MAX_PASSES):
        cleaned = _strip_once(text, keep_lines=keep_lines)
        if cleaned == text:
            return cleaned
        text = cleaned
    # Text is never escaped that often in good faith. Without these two characters no markup is left.
    return _tidy(text.replace("<", " ").replace("&", " "), keep_lines=keep_lines)


def unwrap_lines(raw: str) -> str:
    """Join the lines of each paragraph, for text whose lines were wrapped to fit a file. Items of lists stay lines."""
    return _WRAP.sub(" ", raw)


def _strip_once(text: str, *, keep_lines: bool) -> str:
    if "<" in text:
        text = _without_tags(text, "\n" if keep_lines else " ")
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    return _tidy(text, keep_lines=keep_lines)


def _without_tags(text: str, separator: str) -> str:
    last_comment_end = text.rfind("-->")
    pieces: list[str] = []
    position = 0
    found = False
    for match in _TAG.finditer(text):
        if match[0] == "<!--" and match.start() > last_comment_end:
            continue
        found = True
        # Insert separators in the markup, since that would take quadratic time in the parsed tree.
        space = "" if (match[1] or match[2] or "").lower() in _INLINE else separator
        pieces += [_escape(text[position : match.start()]), space, match[0]]
        position = match.end()
    if not found:
        return text
    pieces.append(_escape(text[position:]))
    return _words_of("".join(pieces))


def _escape(text: str) -> str:
    # The parser undoes this escaping. Entities are resolved afterwards, by stricter rules than the parser's.
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _words_of(markup: str) -> str:
    from bs4 import BeautifulSoup  # most texts carry no markup

    soup = BeautifulSoup(markup, "html.parser")
    for element in soup.find_all(_INVISIBLE_ELEMENTS):
        if not element.decomposed:  # already removed with an element around it
            element.decompose()
    return soup.get_text()


def _tidy(text: str, *, keep_lines: bool) -> str:
    if keep_lines:
        paragraphs = text.replace("\u2029", "\n\n")  # the sign of Unicode between them
        lines = "\n".join(_tidy_line(line) for line in paragraphs.splitlines())
        return _EMPTY_LINES.sub("\n\n", lines).strip("\n")
    return _tidy_line(text)


def _tidy_line(text: str) -> str:
    if not text.isprintable():
        text = "".join(_visible(character) for character in text)
    if not text.isascii():
        # After removing invisible characters, which may be between a letter and its accent.
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    if character in _INVISIBLE_CHARACTERS or unicodedata.category(character) in {"Cc", "Cs"}:
        return ""
    return character
