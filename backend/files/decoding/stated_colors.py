"""Colors that a file states in other ways than by an ICC profile, as an ICC profile.

These are the code points of AVIF, HEIC and PNG (cICP), the gamma and chromaticities of PNG (gAMA, cHRM), and Adobe RGB as
cameras write it, by a word in the EXIF block. Not read: HDR (PQ and HLG), which needs a choice of brightness, not of color.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

Point: TypeAlias = tuple[float, ...]
"""A chromaticity, x and y."""

Primaries: TypeAlias = tuple[Point, ...]
"""White, red, green and blue."""

Curve: TypeAlias = tuple[float, ...]
"""Parameters of a curve after ICC: a gamma alone, or five parameters of a curve that begins straight."""

_D65: Final[Point] = (0.3127, 0.3290)
_BT709: Final[Primaries] = (_D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_ADOBE_RGB: Final[Primaries] = (_D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_SRGB_CURVE: Final[Curve] = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_ADOBE_RGB_CURVE: Final[Curve] = (563 / 256,)

# By their numbers in ITU-T H.273.
_PRIMARIES: Final[dict[int, Primaries]] = {
    1: _BT709,
    5: (_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: (_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: (_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: (_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: (_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
# Pictures with the curves of video (1, 6, 14, 15) are shown with that of sRGB, as browsers do.
_CURVES: Final[dict[int, Curve]] = {
    **dict.fromkeys((1, 6, 13, 14, 15), _SRGB_CURVE),
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
}

# PNG writers give sRGB as a gamma of 1/2.2 and rounded chromaticities, when they omit the chunk sRGB.
_SRGB_GAMMA: Final = 2.2
_GAMMA_WITHIN: Final = 0.05
_POINT_WITHIN: Final = 0.002
_LEAST_GAMMA, _MOST_GAMMA = 0.1, 10.0

_ADOBE_RGB_SPACE: Final = 2
_ADOBE_RGB_MARK: Final = b"R03\0"
# ColorSpace = 2 as it stands in a directory, in both byte orders. Not in the standard, but what some editors write.
_ADOBE_RGB_SPACES: Final = (b"\xa0\x01\0\3\0\0\0\1\0\2", b"\x01\xa0\3\0\1\0\0\0\2\0")


def find_stated_profile(image: Image.Image, code_points: tuple[int, int] | None, *, grey: bool) -> bytes | None:
    """Build the ICC profile of the colors that a picture states; None for sRGB, and where it states none that are known.

    Args:
        image: the opened picture.
        code_points: primaries and transfer characteristics after H.273, if the file has any.
        grey: whether to return a profile of the lightness alone.

    """
    stated = _from_code_points(code_points) or _from_png(image.info) or _from_exif(image)
    if stated is None:
        return None
    primaries, curve = stated
    if curve == _SRGB_CURVE and (grey or primaries == _BT709):
        return None
    return build_profile(None if grey else primaries, curve)


def _from_code_points(code_points: tuple[int, int] | None) -> tuple[Primaries, Curve] | None:
    if code_points is None or code_points[0] not in _PRIMARIES or code_points[1] not in _CURVES:
        return None
    return _PRIMARIES[code_points[0]], _CURVES[code_points[1]]


def _from_png(info: Mapping[Any, Any]) -> tuple[Primaries, Curve] | None:
    if "srgb" in info or not ("gamma" in info or "chromaticity" in info):
        return None
    values = info.get("chromaticity", ())
    primaries = tuple(zip(values[::2], values[1::2], strict=True)) or _BT709
    gamma = 1 / info["gamma"] if info.get("gamma") else _SRGB_GAMMA
    if not _LEAST_GAMMA <= gamma <= _MOST_GAMMA or not _are_points(primaries):
        return None
    return (
        _BT709 if np.allclose(primaries, _BT709, atol=_POINT_WITHIN) else primaries,
        _SRGB_CURVE if abs(gamma - _SRGB_GAMMA) <= _GAMMA_WITHIN else (gamma,),
    )


def _from_exif(image: Image.Image) -> tuple[Primaries, Curve] | None:
    """Adobe RGB after DCF: cameras that are set to it embed no profile."""
    block = image.info.get("exif") or b""
    if not any(mark in block for mark in (_ADOBE_RGB_MARK, *_ADOBE_RGB_SPACES)):
        return None
    try:
        exif = Image.Image.getexif(image)
        index = exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
        if exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace) == _ADOBE_RGB_SPACE:
            return _ADOBE_RGB, _ADOBE_RGB_CURVE
    except Exception:  # noqa: BLE001 - a broken EXIF block must not cost the picture
        return None
    return (_ADOBE_RGB, _ADOBE_RGB_CURVE) if str(index).rstrip("\0") == "R03" else None


def _are_points(primaries: Primaries) -> bool:
    """Whether these can be colors: the three span a triangle, and none is a division by zero."""
    if any(y <= 0 or not 0 <= x <= 1 or y > 1 for x, y in primaries):
        return False
    return bool(abs(np.linalg.det(_columns(primaries[1:]))) > 1e-3)


def build_profile(primaries: Primaries | None, curve: Curve) -> bytes:
    """Build an ICC profile (version 4): of a display with these primaries, or of grey if there are none."""
    tone = struct.pack(">4s4xHxx", b"para", 0 if len(curve) == 1 else 3) + b"".join(map(_fixed, curve))
    words = "as the file states".encode("utf-16-be")
    text = struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(words), 28) + words
    tags = {b"desc": text, b"cprt": text, b"wtpt": _xyz(_D50)}
    if primaries is None:
        tags[b"kTRC"] = tone
    else:
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _adapted(primaries).T, strict=True):
            tags[name] = _xyz(column)
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), tone)
    return _assemble(b"GRAY" if primaries is None else b"RGB ", tags)


_D50: Final = np.array([0.9642, 1.0, 0.8249])
_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _columns(points: Primaries) -> NDArray[np.float64]:
    """(3, n) XYZ of chromaticities, at a luminance of 1."""
    return np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in points]).T


def _adapted(primaries: Primaries) -> NDArray[np.float64]:
    """(3, 3) from linear RGB to XYZ under D50, the white of ICC."""
    white = _columns(primaries[:1])[:, 0]
    colors = _columns(primaries[1:])
    to_xyz = colors * np.linalg.solve(colors, white)
    gain = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.asarray(np.linalg.solve(_BRADFORD, gain[:, None] * _BRADFORD) @ to_xyz)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _assemble(space: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(
        ">I4xI4s4s4s12x4s24xI12s", start + len(body), 0x04300000, b"mntr", space, b"XYZ ", b"acsp", 0,
        b"".join(map(_fixed, _D50)),
    )  # fmt: skip
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
