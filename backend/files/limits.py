"""Limits of uploads and the policy of fetches: the parts of the settings that this package uses."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from backend.settings import Settings

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a picture and its text, and how its metadata is read. The fields are settings of the same names, which describe them.

    For formats that cannot be shrunk while they are loaded, a limit of 89 megapixels applies even if `max_pixels` is
    greater.
    """

    max_body_bytes: int = 25 * MEBIBYTE
    max_pixels: int = 51_000_000
    max_side_pixels: int = 16_384
    max_frames: int = 500
    max_exif_bytes: int = 64 * 1024
    max_title_characters: int = 300
    max_caption_characters: int = 2_000
    max_story_characters: int = 20_000
    max_location_characters: int = 300
    max_keyword_characters: int = 100
    max_keywords: int = 64
    time_zone: str = "UTC"
    people_as_keywords: bool = True
    enable_heif: bool = True
    enable_avif: bool = True
    enable_tiff: bool = True

    @classmethod
    def from_settings(cls, settings: "Settings") -> Self:
        """Copy the settings of the same names."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """The addresses that fetches from URLs may contact, and their time limits.

    Attributes:
        ports: allowed ports, None for all.
        allow_private: whether loopback and private addresses are allowed. Link-local addresses (cloud metadata) and
            multicast are always forbidden.
        connect_seconds: time limit of one connection attempt.
        total_seconds: time limit of a fetch as a whole.
        max_redirects: number of redirects that are followed.
    """

    ports: tuple[int, ...] | None = (80, 443)
    allow_private: bool = False
    connect_seconds: float = 5.0
    total_seconds: float = 30.0
    max_redirects: int = 3

    @classmethod
    def from_settings(cls, settings: "Settings") -> Self:
        """Copy the settings whose names begin with `fetch_`."""
        return cls(**{field.name: getattr(settings, f"fetch_{field.name}") for field in fields(cls)})
