"""Limits of uploads and the policy of fetches: the parts of the settings that this package uses."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from backend.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a picture and its text, and how its metadata is read.

    The fields are settings of the same names, which describe them and have their defaults.

    For formats that cannot be shrunk while they are loaded, a limit of 89 megapixels applies even if `max_pixels` is
    greater.
    """

    max_body_bytes: int
    max_pixels: int
    max_side_pixels: int
    max_frames: int
    max_exif_bytes: int
    max_title_characters: int
    max_caption_characters: int
    max_story_characters: int
    max_location_characters: int
    max_keyword_characters: int
    max_keywords: int
    time_zone: str
    people_as_keywords: bool
    enable_heif: bool
    enable_avif: bool
    enable_tiff: bool

    @classmethod
    def from_settings(cls, settings: "Settings") -> Self:
        """Copy the settings of the same names."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """The addresses that fetches from URLs may contact, and their time limits. Settings have the defaults.

    Attributes:
        ports: allowed ports, None for all.
        allow_private: whether loopback and private addresses are allowed. Link-local addresses (cloud metadata) and
            multicast are always forbidden.
        connect_seconds: time limit of one connection attempt.
        total_seconds: time limit of a fetch as a whole.
        max_redirects: number of redirects that are followed.
    """

    ports: tuple[int, ...] | None
    allow_private: bool
    connect_seconds: float
    total_seconds: float
    max_redirects: int

    @classmethod
    def from_settings(cls, settings: "Settings") -> Self:
        """Copy the settings whose names begin with `fetch_`."""
        return cls(**{field.name: getattr(settings, f"fetch_{field.name}") for field in fields(cls)})
