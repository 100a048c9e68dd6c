"""Colors of a picture as sRGB, which encoders, hashes and thumbnails expect.

LittleCMS converts them, relative colorimetric with black-point compensation, by the ICC profile of the file or by one that
is built from what else the file states. A picture that states nothing is sRGB, and CMYK is then converted by the plain
formula, as browsers do.
"""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image, ImageCms

from backend.files.decoding.stated_colors import find_stated_profile
from backend.files.formats import PictureFormat, PictureWarning

_INTENT: Final = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS: Final = ImageCms.Flags.BLACKPOINTCOMPENSATION
# How ICC calls the colors of a mode, and how sentences do.
_SPACES: Final = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
_TITLES: Final = {"GRAY": "grey"}
# Not links between devices, not named colors.
_DEVICE_CLASSES: Final = frozenset({"mntr", "scnr", "prtr", "spac"})
# The rounding of profiles that mean sRGB.
_SRGB_WITHIN: Final = 2
_PROBE_STEPS: Final = 9
# A library has few profiles: those of its cameras and editors.
_CONVERSIONS_KEPT: Final = 16
# The largest of printers have 3 MiB. Those of the conversions that are kept are in memory.
_MOST_PROFILE_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Conversion:
    """How to turn the colors of a picture into sRGB.

    Attributes:
        transform: the transform of LittleCMS; None if the colors are or count as sRGB.
        warning: why the color profile is ignored, if it is.
    """

    transform: ImageCms.ImageCmsTransform | None = None
    warning: PictureWarning | None = None

    def to_srgb(self, image: Image.Image) -> Image.Image:
        """Convert an image of a mode that `plain_mode` returns to RGB. An RGB image may be changed in place."""
        if self.transform is None:
            return image if image.mode == "RGB" else image.convert("RGB")
        converted = image if image.mode == "RGB" else Image.new("RGB", image.size)
        # Not ImageCms.applyTransform, which attaches the profile to the result.
        self.transform.transform.apply(image.getim(), converted.getim())
        return converted


def plain_mode(mode: str) -> str:
    """The mode with the same kind of colors that has 8 bits, no palette and no alpha."""
    if mode in _SPACES:
        return mode
    return "L" if mode in {"1", "LA", "La"} or mode[:1] in {"I", "F"} else "RGB"


def find_conversion(image: Image.Image, data: bytes, picture_format: PictureFormat) -> Conversion:
    """Find the conversion for an opened picture, loaded or not. Of a profile that was met before it costs microseconds."""
    plain = plain_mode(image.mode)
    warning = None
    if "icc_profile" in image.info:
        # Pillow leaves None where the pieces of a profile do not fit together.
        profile = image.info["icc_profile"] or b""
        is_too_long = len(profile) > _MOST_PROFILE_BYTES
        found = (
            _ignored(f"The color profile has {len(profile):,} bytes") if is_too_long else _conversion(profile, plain)
        )
        if found.warning is None:
            return found
        warning = found.warning
    if plain not in {"L", "RGB"}:
        return Conversion(_of_lab() if plain == "LAB" else None, warning)
    code_points = picture_format.code_points(data) if picture_format.code_points else None
    stated = find_stated_profile(image, code_points, grey=plain == "L")
    return Conversion(None if stated is None else _conversion(stated, plain).transform, warning)


@lru_cache(_CONVERSIONS_KEPT)
def _conversion(profile: bytes, plain: str) -> Conversion:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space != _SPACES[plain]:
            return _mismatched(source, space, plain)
        if source.profile.device_class.strip() not in _DEVICE_CLASSES:
            return _ignored("The color profile does not describe a device")
        transform = _transform(source, plain)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return _ignored("The color profile is damaged")
    return Conversion(None if _keeps_colors(transform, plain) else transform)


def _transform(source: ImageCms.ImageCmsProfile, plain: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.ImageCmsTransform(source, _srgb(), plain, "RGB", _INTENT, flags=_FLAGS)


@lru_cache(1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@lru_cache(1)
def _of_lab() -> ImageCms.ImageCmsTransform:
    return _transform(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")


def _mismatched(source: ImageCms.ImageCmsProfile, space: str, plain: str) -> Conversion:
    # Editors often keep sRGB's profile in a picture that they turn grey.
    if (plain, space) == ("L", "RGB") and _keeps_colors(_transform(source, "RGB"), "RGB"):
        return Conversion()
    own, other = (_TITLES.get(name, name) for name in (_SPACES[plain], space))
    return _ignored(f"The picture is {own}, but its color profile is for {other}")


def _ignored(reason: str) -> Conversion:
    return Conversion(warning=PictureWarning("color_profile_ignored", f"{reason}, so it is ignored."))


def _keeps_colors(transform: ImageCms.ImageCmsTransform, plain: str) -> bool:
    """Whether a transform changes no color. Names do not tell: there are dozens of profiles for sRGB."""
    if plain not in {"L", "RGB"}:
        return False
    probe = _probe(plain)
    converted = Image.new("RGB", probe.size)
    transform.transform.apply(probe.getim(), converted.getim())
    before, after = (np.asarray(one, dtype=np.int16) for one in (probe.convert("RGB"), converted))
    return int(np.abs(before - after).max()) <= _SRGB_WITHIN


def _probe(plain: str) -> Image.Image:
    if plain == "L":
        return Image.frombytes("L", (256, 1), bytes(range(256)))
    steps = np.linspace(0, 255, _PROBE_STEPS).round().astype(np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3))
