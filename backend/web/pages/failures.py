"""What the codes on failed media mean, and what to do about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from backend.store.operations import FailedMedia

_UNKNOWN: Final = ("It failed for a reason of its own; see below.", "Try again once the reason is mended.")

EXPLANATIONS: Final = {
    "quarantined": (
        "Each attempt ended without a result: the file crashes or stalls its decoder. It is left alone, so that it harms nobody else.",
        "Open the original elsewhere, save it anew and upload that; or try again after an update.",
    ),
    "decode_crash": ("The decoder did not survive the file.", "Save the picture anew in another program and upload that."),
    "image_corrupt": ("The bytes are no picture that can be read.", "Upload the file again from its source."),
    "image_truncated": ("The file ends too early: its copy was interrupted.", "Upload the file again from its source."),
    "too_many_pixels": ("The picture has more pixels than are let in.", "Make it smaller, or raise MEDIACLUSTER_MAX_PIXELS and try again."),
    "metadata_too_large": (
        "Its metadata are larger than are let in.",
        "Strip them, or raise MEDIACLUSTER_MAX_EXIF_BYTES and try again.",
    ),
    "unsupported_format": ("Its content is of no format that is let in.", "Convert it to JPEG, PNG, WebP or GIF."),
    "file_too_large": ("The file is larger than is let in.", "Make it smaller, or raise MEDIACLUSTER_MAX_BODY_BYTES and try again."),
    "fetch_failed": ("The address answered with an error.", "See whether it opens in a browser, then try again."),
    "fetch_timeout": ("The address did not answer in time.", "Try again later, or raise MEDIACLUSTER_FETCH_TOTAL_SECONDS."),
    "fetch_too_large": ("What the address sends is larger than is let in.", "Upload a smaller version."),
    "url_forbidden": ("The address, or one that it leads to, may not be asked.", "Use a public address, or upload the file itself."),
    "original_missing": ("The original is not in the storage any more.", "Upload the file again, or restore a backup and try again."),
    "not_in_space": (
        "The model was changed without it: no vectors could be made of it.",
        "Put its original back and try again; or go back to the model before, which has vectors of it.",
    ),
    "invalid_text": ("Its words cannot be stored.", "Upload it again with other words."),
}  # fmt: skip
"""By code: what happened, and what to do."""


@dataclass(frozen=True)
class FailureGroup:
    """Failed media with one code: how many, and the newest of them."""

    code: str
    what: str
    what_to_do: str
    size: int
    newest: list[FailedMedia]


def group_failures(failures: Sequence[FailedMedia]) -> list[FailureGroup]:
    """In the order in which they come, which has each code together."""
    groups = []
    for code, members in groupby(failures, key=lambda failed: failed.error_code):
        newest = list(members)
        groups.append(FailureGroup(code, *EXPLANATIONS.get(code, _UNKNOWN), newest[0].size, newest))
    return groups
