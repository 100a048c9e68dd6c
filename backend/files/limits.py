"""What is let in and which addresses may be asked: the slices of the settings that this package needs."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from backend.settings import Settings

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a picture and its text. Pillow's own ceiling of 89 megapixels holds whatever `max_pixels` says."""

    max_body_bytes: int = 25 * MEBIBYTE
    max_pixels: int = 50_000_000
    max_side_pixels: int = 16_384
    max_frames: int = 500
    max_exif_bytes: int = 64 * 1024
    max_title_characters: int = 300
    max_caption_characters: int = 2_000
    max_story_characters: int = 20_000
    max_location_characters: int = 300
    max_keyword_characters: int = 100
    max_keywords: int = 64
    enable_heif: bool = False
    enable_avif: bool = False

    @classmethod
    def from_settings(cls, settings: "Settings") -> Self:
        """Take over the fields of the same names."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """Where URL ingest may go and how long it may take.

    `ports`: None for all. `allow_private` lets loopback and private addresses through; link-local (cloud metadata) and multicast stay
    forbidden.
    """

    ports: tuple[int, ...] | None = (80, 443)
    allow_private: bool = False
    connect_seconds: float = 5.0
    total_seconds: float = 30.0
    max_redirects: int = 3

    @classmethod
    def from_settings(cls, settings: "Settings") -> Self:
        """Take over the settings that begin with `fetch_`."""
        return cls(**{field.name: getattr(settings, f"fetch_{field.name}") for field in fields(cls)})
