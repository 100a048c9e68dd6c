"""What the codes on failed media mean, and what to do about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from backend.store.operations import FailedMedia

_UNKNOWN: Final = ("It failed for the reason below.", "Fix the cause, then try again.")

EXPLANATIONS: Final = {
    "quarantined": (
        "Every attempt ended without a result: the file crashes or stalls the decoder. It is quarantined so that it cannot hold up other work.",
        "Open the original in another program, save it again and upload the copy; or try again after an update.",
    ),
    "decode_crash": ("The decoder crashed on this file.", "Save the picture again in another program and upload the copy."),
    "image_corrupt": ("The file is not a readable picture.", "Upload the file again from its source."),
    "image_truncated": ("The file is incomplete: it was probably cut off while being copied.", "Upload the file again from its source."),
    "too_many_pixels": ("The picture has more pixels than allowed.", "Make it smaller, or raise MEDIACLUSTER_MAX_PIXELS and try again."),
    "metadata_too_large": (
        "Its metadata is larger than allowed.",
        "Remove the metadata, or raise MEDIACLUSTER_MAX_EXIF_BYTES and try again.",
    ),
    "unsupported_format": ("The file format is not supported.", "Convert it to JPEG, PNG, WebP or GIF."),
    "file_too_large": ("The file is larger than allowed.", "Make it smaller, or raise MEDIACLUSTER_MAX_BODY_BYTES and try again."),
    "fetch_failed": ("The address answered with an error.", "Check that the address opens in a browser, then try again."),
    "fetch_timeout": ("The address did not answer in time.", "Try again later, or raise MEDIACLUSTER_FETCH_TOTAL_SECONDS."),
    "fetch_too_large": ("The file at this address is larger than allowed.", "Upload a smaller version."),
    "url_forbidden": ("This address, or one it redirects to, is not allowed.", "Use a public address, or upload the file itself."),
    "original_missing": ("The original is missing from storage.", "Upload the file again, or restore a backup and try again."),
    "not_in_space": (
        "The model was changed while this picture could not be embedded.",
        "Restore its original and try again, or go back to the previous model, which has vectors for it.",
    ),
    "invalid_text": ("Its text cannot be stored.", "Upload it again with different text."),
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
