"""ICC profiles by hand, and the same colors by formula. Written apart from what the product builds, so that one checks the other."""

import itertools
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image

Values = Any

SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3_PRIMARIES = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE_PRIMARIES = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PROPHOTO_PRIMARIES = ((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105))
D65, D50 = (0.3127, 0.3290), (0.34567, 0.35850)
_D50_XYZ = np.array([0.9642, 1.0, 0.8249])


def srgb_decode(values: Values) -> Values:
    """Code values 0..1 to linear light."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def srgb_encode(linear: Values) -> Values:
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


class Space:
    """A space of three primaries under a white, with a curve."""

    def __init__(
        self,
        primaries: tuple[tuple[float, float], ...],
        white: tuple[float, float] = D65,
        gamma: float | None = None,
    ) -> None:
        self.gamma = gamma
        columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
        white_xyz = np.array([white[0] / white[1], 1, (1 - white[0] - white[1]) / white[1]])
        cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
        adapt = np.linalg.inv(cone) @ np.diag((cone @ _D50_XYZ) / (cone @ white_xyz)) @ cone
        self.to_d50 = adapt @ (columns * np.linalg.solve(columns, white_xyz))

    def decode(self, values: Values) -> Values:
        return srgb_decode(values) if self.gamma is None else values**self.gamma

    def encode(self, linear: Values) -> Values:
        return srgb_encode(linear) if self.gamma is None else np.clip(linear, 0, 1) ** (1 / self.gamma)

    def profile(self) -> bytes:
        """An ICC profile, version 2, as of a display."""
        curve = _curve(self.decode)
        tags = {name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), self.to_d50.T, strict=True)}
        return _assemble(b"RGB ", b"mntr", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))

    def twin_of(self, image: Image.Image) -> Image.Image:
        """The same colors as an sRGB picture, in the values of this space."""
        light = srgb_decode(np.asarray(image.convert("RGB"), dtype=float) / 255)
        values = self.encode(light @ SRGB.to_d50.T @ np.linalg.inv(self.to_d50).T)
        return Image.fromarray((values * 255).round().astype(np.uint8))


SRGB = Space(SRGB_PRIMARIES)
DISPLAY_P3 = Space(P3_PRIMARIES)
ADOBE_RGB = Space(ADOBE_PRIMARIES, gamma=563 / 256)
PROPHOTO = Space(PROPHOTO_PRIMARIES, D50, gamma=1.8)


def grey_profile(gamma: float) -> bytes:
    return _assemble(b"GRAY", b"mntr", {b"kTRC": _curve(lambda values: values**gamma)})


INKS: Mapping[tuple[int, ...], tuple[float, float, float]] = {
    (0, 0, 0, 0): (100, 0, 0),
    (1, 0, 0, 0): (62, -30, -42),
    (0, 1, 0, 0): (55, 65, -3),
    (0, 0, 1, 0): (92, -5, 70),
    (0, 1, 1, 0): (52, 60, 42),
}
"""Lab of paper and inks. All others of the profile are black."""


def cmyk_profile(black: tuple[float, float, float] = (0, 0, 0)) -> bytes:
    """A profile of a press, with a table of two steps an ink. Its way back knows black ink alone, which tells its darkest."""
    table = b""
    for inks in itertools.product((0, 1), repeat=4):
        lightness, green_red, blue_yellow = INKS.get(inks, black)
        table += bytes((round(lightness * 2.55), round(green_red + 128), round(blue_yellow + 128)))
    way_back = b"".join(bytes((0, 0, 0, 0 if lightness else 255)) for lightness in (0, 1) for _ in range(4))
    there = _lut(4, 3, table)
    tags = {b"A2B0": there, b"A2B1": there, b"B2A0": _lut(3, 4, way_back)}
    return _assemble(b"CMYK", b"prtr", tags, connection=b"Lab ")


def _lut(inputs: int, outputs: int, table: bytes) -> bytes:
    identity = b"".join(struct.pack(">i", 65536 if row == column else 0) for row in range(3) for column in range(3))
    ramp = bytes(range(256))
    return b"mft1\0\0\0\0" + bytes((inputs, outputs, 2, 0)) + identity + ramp * inputs + table + ramp * outputs


def srgb_of_lab(lightness: float, green_red: float, blue_yellow: float) -> list[int]:
    """The sRGB values of a color under D50."""
    middle = (lightness + 16) / 116
    parts = np.array([middle + green_red / 500, middle, middle - blue_yellow / 200])
    xyz = _D50_XYZ * np.where(parts > 6 / 29, parts**3, (parts - 16 / 116) * 3 * (6 / 29) ** 2)
    return [round(value * 255) for value in srgb_encode(np.linalg.inv(SRGB.to_d50) @ xyz)]


def _curve(decode: Callable[[Values], Values]) -> bytes:
    values = (decode(np.linspace(0, 1, 1024)) * 65535).round().astype(">u2")
    return struct.pack(">4s4xI", b"curv", len(values)) + values.tobytes()


def _xyz(values: Values) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _assemble(space: bytes, device: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ") -> bytes:
    name = b"by hand\0"
    tags = tags | {
        b"desc": struct.pack(">4s4xI", b"desc", len(name)) + name + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": _xyz(_D50_XYZ),
    }
    start = 128 + 4 + 12 * len(tags)
    table, body = b"", b""
    for key, value in tags.items():
        table += struct.pack(">4sII", key, start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"none", 0x02400000, device, space, connection)
    head = head.ljust(36, b"\0") + b"acsp"
    head = head.ljust(68, b"\0") + b"".join(struct.pack(">i", round(value * 65536)) for value in _D50_XYZ)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
