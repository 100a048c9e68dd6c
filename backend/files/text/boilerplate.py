"""Words that cameras, phones, drones and programs write into titles and captions by themselves.

A program's name alone, or with its version, edition or system, is such a word; a sentence about it ("Taken in Photoshop class") is not.

Sources, besides files that were seen:

- PhotoPrism, internal/meta/sanitize.go (UnwantedDescriptions) and its pull request 5078 (Huawei, Medion, Motorola);
- iNaturalist, app/models/local_photo.rb (BRANDED_DESCRIPTIONS), issues 1323 and 2086;
- KPhotoAlbum, Settings/SettingsData.cpp (commentsToStrip);
- examples of UserComment and ImageDescription in the documentation and tests of EXIF readers (nom-exif, PEL), for the
  debugging notes of Xiaomi, Vivo and OPPO;
- the comments of libraries and programs that write JPEGs and GIFs: libjpeg-turbo, gd, LEAD, Intel, ACD, Photoshop, GIMP, ffmpeg, XV,
  Ulead, ImageMagick, jpeg-recompress, JPEGmini, GifBuilder, ezgif, ScreenToGif, and the cameras of Axis and Epson.
"""

import re
from typing import Final

# Compared without case, with single spaces, without blanks at the ends.
_PHRASES: Final = frozenset(
    {
        # Cameras
        "<kenox s1050 / samsung s1050>", "acd systems digital imaging", "binary comment", "camera", "casio computer co.,ltd",
        "casio computer co.,ltd.", "dcim", "digital camera", "digital still camera", "digital stillcamera", "dvc 10.1 hdmi",
        "exif_hdl_id_1", "exif_jpeg_picture", "exif jpeg picture", "hellomoto", "huawei", "lg electronics",
        "medion digital camera", "minolta dimage", "minolta dsc", "motorola", "moultrie digital game camera",
        "my beautiful picture", "nikon", "samsung", "samsung camera pictures", "scanned document", "scanned image", "scanner",
        "sony dsc", "konica minolta dsc", "xiaomi",
        # Drones
        "dji", "dji_default", "gopro", "hdr", "dig",
        # Programs and systems
        "applemark", "camera roll", "charset=ascii", "charset=unicode", "default", "default description", "edited", "iclarified",
        "image", "img", "jpeg", "jpg", "no description", "no title", "none", "null", "picasa", "picture", "photo", "png", "undefined",
        "unknown", "untitled", "untitled image", "untitled photo", "user comment", "user comments", "usercomment", "xmp",
        # Screenshots, in the languages of the systems that make them
        "screenshot", "screen shot", "bildschirmfoto", "capture d’écran", "capture d'écran", "captura de pantalla",
        "captura de tela", "captura de ecrã", "schermafbeelding", "schermata", "istantanea schermo", "skärmavbild", "skærmbillede",
        "skjermbilde", "zrzut ekranu", "snímek obrazovky", "снимок экрана", "スクリーンショット", "屏幕截图", "屏幕快照", "截屏", "截圖", "스크린샷",
    }
)  # fmt: skip
# Short codes of modes, spelled exactly so. People use such words as keywords, so only titles and captions are freed of them.
_CODES: Final = frozenset(
    [
        "bsh",
        "btf",
        "btfhdr",
        "btfmdn",
        "btr",
        "burst",
        "bty",
        "cav",
        "cbt",
        "cid",
        "cof",
        "_cuva",
        "cuva",
        "dav",
        "dig",
        "edf",
        "fbt",
        "fbthdr",
        "fnor",
        "frem",
        "frontbhdp",
        "frontbhdr",
        "fshbty",
        "fznor",
        "hdr",
        "hdrpl",
        "jpgo",
        "mde",
        "mde_soft",
        "mon",
        "nor",
        "ozeshot",
        "oznor",
        "oznorWB",
        "oznorWO",
        "ptr",
        "qrf",
        "rbt",
        "rhdr",
        "rnor",
        "rpt",
        "sdr",
        "sdr_HDRB",
        "smart",
        "stb",
        "vhdr",
        "zcm",
        "zslnor",
    ]
)
_CAMERA_MAKERS: Final = (
    "agfaphoto|benq|canon|casio|concord|epson|fujifilm|ge|general imaging|hp|jenoptik|kodak|konica|konica minolta|"
    "kyocera|leica|lg|medion|mercury|minolta|moultrie|mustek|nikon|olympus|panasonic|pentax|polaroid|praktica|premier|"
    "ricoh|rollei|samsung|sanyo|sigma|skanhex|sony|toshiba|traveler|vivitar|yakumo"
)
# Programs, never only a company: people write of what is made by Apple, and taken on Nokia's strike.
_PROGRAMS: Final = (
    r"(?:adobe|apple|corel|gnu|google|microsoft|the)?\W*(?:"
    r"afterlight|beautyplus|camera ?360|camera\+|facetune|hipstamatic|inshot|instasize|photoroom|pixelmator|procamera|rookie|"
    r"ebay|ezgif|guetzli|imagej|jpeg-recompress|jpegoptim|jpegli|mozjpeg|photofiltre|screentogif|tinypng|u-?lead|"
    r"acdsee|affinity|b612|canva|capture one|darktable|digikam|faceapp|ffmpeg|figma|fotor|gd-jpeg|gimp|"
    r"gnome-screenshot|hugin|imagemagick|imlib|inkscape|instagram|irfanview|jpegmini|krita|lightroom|luminar|matlab|matplotlib|"
    r"meitu|ms ?paint|paint\.net|photoscape|photoshop|picasa|picsart|pixlr|polarr|prisma|rawtherapee|retrica|"
    r"snapchat|snapseed|spectacle|vsco|xnview)|"
    r"adobe\W+(?:bridge|camera raw|express|fireworks|firefly|illustrator|imageready|indesign)|"
    r"apple\W+(?:aperture|iphoto|photos|preview)|google\W+(?:ai|camera|photos)|nokia\W+(?:camera|refocus|smart cam)|"
    r"microsoft\W+(?:office|paint|photos)"
)
# Those whose name is not a common word. Some of them write nothing else.
_NAMED_ALONE: Final = (
    "acdsee|b612|camera ?360|darktable|digikam|gimp|imagemagick|irfanview|lightroom|meitu|photoscape|photoshop|picasa|picsart|"
    "retrica|snapseed|vsco|xnview"
)
_SYSTEMS: Final = "android|chromeos|ios|ipad|iphone|linux|mac|macos|macintosh|os|web|windows|x"
# What follows the name of a program: its version, edition, system or preset, its address, another program. Each word is one,
# so that a sentence about a program is none.
_AFTER_PROGRAM: Final = (
    rf"(?:\W+(?:[a-z]{{0,3}}\d\w*|v|version|beta|cc|cs|classic|elements|express|extended|lightroom|mobile|mx|plus|premium|pro|touch|"
    rf"(?:photo|image|gif|picture) ?(?:editor|maker|optimizer|resizer|viewer)|app|camera raw|editor|library|software|{_SYSTEMS}|"
    rf"(?:on|for)(?: an?)? (?:{_SYSTEMS})|with \S+ (?:effect|filter|preset)|com|inc|net|org|https?:\S++|www\.\S++|"
    rf"(?:and|by|using|via|with) (?:{_PROGRAMS})))*\W*"
)
# Of the software of drones. Where a part is 0, it is not a date.
_VERSION: Final = r"v\d+(?:\.\d+){2,}|0+(?:\.\d+){2,}|\d+(?:\.\d+)+\.0+"
_IS_VERSION: Final = re.compile(_VERSION, re.IGNORECASE)
_VERBS: Final = "captured|compressed|created|edited|generated|made|optimi[sz]ed|processed|produced|saved|shot|taken|file written|written"
_PATTERNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"(?:{_CAMERA_MAKERS}) digital (?:still )?camera",
        # <Digimax i5, Samsung #1>
        r"<[^<>]*(?:samsung|digimax|kenox)[^<>]*>",
        # Paths on the card: DCIM\100MEDIA\DJI_0001.JPG
        r"(?:[a-z]:)?[\\/]*dcim[\\/]\S*",
        # Names that cameras give to files
        r"(?:dsc[fn]?|dji|fb_img|gopr|gp|img|imgp|inshot|mmexport|mvimg|p|pict|pxl|screenshot|vid|wx_camera)[_-]?\d{4,}(?:[_-]\d+)*(?:\.[a-z0-9]{3,4})?",
        # Programs and their libraries
        rf"(?:photo )?(?:{_VERBS}) (?:by|in|on|using|with) (?:{_PROGRAMS})(?!\w){_AFTER_PROGRAM}",
        rf"(?:adobe )?(?:{_NAMED_ALONE})(?!\w){_AFTER_PROGRAM}",
        r"untitled[-_ ]?\(?\d+\)?",
        r"creator: (?:gd-jpeg|jpeg-recompress|xv)\b.*",
        rf"gif (?:created|edited|made) (?:by|on|using|with) (?:https?:\S++|www\.\S++|(?:{_PROGRAMS})\b{_AFTER_PROGRAM})",
        r"gifbuilder [\d.]+\b.{0,60}",
        r"u-?lead systems\b.{0,60}",
        r"(?:libjpeg|libjpeg-turbo|usspcmt)\b.{0,60}",
        rf"(?:imagemagick|graphicsmagick)\b{_AFTER_PROGRAM}",
        r"(?:quality|q) ?[=:] ?\d+%?",
        # Cameras: the moment, the maker, what was measured
        r"type=\w+, mode=\w+, de=\w+",  # of drones
        _VERSION,
        r"(?:start)?date ?[:=] ?[\d /.:-]+(?:,? ?time ?[:=] ?[\d :.]+)?",
        r"epson dsc picture.{0,20}",
        r"axis(?: (?=\S{0,20}\d)\S{1,24}| communications| dome| network| ptz| video)* (?:camera|server)(?:\W+[a-z]{0,3}\d\w*)*\W*",
        r"lead technologies(?:\W+(?:inc|[a-z]{0,3}\d\w*))*\W*",
        r"lavc\d[\d.]*",
        r"intel\(r\) jpeg library\b.*",
        r"handmade software, inc\. image alchemy\b.*",
        r"jpeg encoder copyright\b.*",
        r"screen ?shot [\d_ .:-]*(?: at [\d.: ]*(?:[ap]m)?)?",
        # Debugging notes of phones
        r"(?:oplus|oppo)_\d+",
        r"\W*0; *jpegrotation\b.*",
        r"\W*(?:filter|jpegrotation|file?terintensity|filtermask|captureorientation|multi-frame): ?(?:[-\d(\[.;]|null|true|false).*;.*",
        r"\[?ae_dbg_info\b.*",
        r"\W*(?:hw-remosaic|modeinfo|algolist): .*",
        r"(?:cameraid|framecount|lutfilename)=[^=]*(?:=[^=]*)+",
        r"maker:0x[\da-f]+,.*",
        # Marks of Facebook and of Wikimedia
        r"fbmd[\da-f]{8,}",
        r"file source: ?https?://\S+",
        r"\{\s*(?:\"[^\"]*\"\s*:.*)?\}",
        r"ascii\W*|unicode\W*|jis\W*",
        # Nothing
        r"[\s\W_]*",
    )
)
_MANY_WORDS: Final = re.compile(r"[\s\\/_{]|^\W*$")
_LONGEST: Final = 20_000


def is_boilerplate(words: str) -> bool:
    """Whether a title or caption is one that no person wrote. It is compared as it stands in the file."""
    return words.strip("\0 ") in _CODES or _is_phrase(_normal(words))


def is_boilerplate_keyword(word: str) -> bool:
    """Whether a keyword is one that no person wrote. Short words are keywords."""
    said = _normal(word)
    if _IS_VERSION.fullmatch(said):
        return True
    return _MANY_WORDS.search(said) is not None and _is_phrase(said)


def _is_phrase(said: str) -> bool:
    return said in _PHRASES or any(pattern.fullmatch(said) for pattern in _PATTERNS)


def _normal(words: str) -> str:
    return " ".join(words[:_LONGEST].casefold().split())
