"""All errors, in one tree. Nothing here knows HTTP: `backend.web.middleware.problems` maps codes to statuses.

Every error has a stable `code` (a public contract: it appears in API responses, on rows of pictures and in import reports), a
sentence on what happened, and usually a hint on what to do next. Texts that depend on the code alone, and are shown wherever a
code is, are attributes: `happened` and `advice`.
"""

import re
from collections.abc import Iterator
from typing import Any, ClassVar, Final

_ADDRESS: Final = re.compile(r"\s?(?:<[\w.<> ]{1,200} at 0x[0-9a-fA-F]+>|\bat 0x[0-9a-fA-F]+\b)")


class MediaclusterError(Exception):
    """The root of the tree. `code` is stable, `detail` is for people, `hint` says what to do next in this case.

    `happened` says what went wrong with a picture that has this code, `advice` what to do if there is no hint.

    `reason` is the message of a driver, for logs and the command line only: it may name hosts, accounts and folders, which network
    clients must not see.
    """

    code: ClassVar[str] = "internal_error"
    happened: ClassVar[str] = "It failed for the reason below."
    advice: ClassVar[str] = "Try again. The server log has details."

    def __init__(self, detail: str, *, hint: str | None = None, reason: str | None = None, **context: Any) -> None:
        # Messages of libraries name objects by their address in memory, which tells nothing and is nobody's business.
        detail = _ADDRESS.sub("", detail)
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.reason = reason
        self.context = context

    def __str__(self) -> str:
        return f"{self.detail} {self.hint}" if self.hint else self.detail

    @property
    def full_detail(self) -> str:
        """The detail with the reason, for logs and the command line."""
        return join_reason(self.detail, self.reason)


def join_reason(detail: str, reason: str | None) -> str:
    """Join detail and reason to one sentence."""
    return f"{detail.rstrip('.')}: {reason.rstrip('.')}." if reason else detail


# --- what the caller sent ------------------------------------------------------------------------------------


class InputError(MediaclusterError):
    """The input is invalid. Sending it again gives the same result."""

    code = "malformed_request"
    advice = "Correct what the detail names, then send it again."


class InvalidText(InputError):
    """A text is too long, contains NUL or cannot be decoded."""

    code = "invalid_text"
    happened = "Its text cannot be stored."
    advice = "Shorten its title, caption or other text."


class FileTooLarge(InputError):
    code = "file_too_large"
    happened = "The file is larger than allowed."
    advice = "Save it smaller, or raise MEDIACLUSTER_MAX_BODY_BYTES and try again."


class RequestTimeout(InputError):
    """The request did not arrive completely in time."""

    code = "request_timeout"
    advice = "Upload it again: the connection broke before the whole file arrived."


class UnsupportedFormat(InputError):
    """The content is not a picture in an accepted format, whatever the file name."""

    code = "unsupported_format"
    happened = "The file format is not supported."
    advice = "Convert it to JPEG or PNG."


class ImageCorrupt(InputError):
    code = "image_corrupt"
    happened = "The file is not a readable picture."
    advice = "Open it in a picture editor. If it opens there, save it again and upload the copy."


class ImageTruncated(InputError):
    code = "image_truncated"
    happened = "The file is incomplete: it was probably cut off while being copied."
    advice = "Copy it again from its source: the end of the file is missing."


class TooManyPixels(InputError):
    code = "too_many_pixels"
    happened = "The picture has more pixels than allowed."
    advice = "Save it with fewer pixels, or raise MEDIACLUSTER_MAX_PIXELS and try again."


class DecodeCrash(InputError):
    """The decoder died or stalled on a file, or used too much memory. The detail says which."""

    code = "decode_crash"
    happened = "The decoder crashed on this file."
    advice = "Open it in a picture editor, save it again and upload the copy."


class MetadataTooLarge(InputError):
    code = "metadata_too_large"
    happened = "Its metadata is larger than allowed."
    advice = "Save it without its metadata and try again."


class UrlForbidden(InputError):
    """The server may not send requests to this address, or to one that it redirects to."""

    code = "url_forbidden"
    happened = "This address, or one it redirects to, is not allowed."
    advice = "Give a public http or https address of the picture itself, or upload the file."


class PathForbidden(InputError):
    """The path is outside the configured import roots."""

    code = "path_forbidden"
    advice = "Name a folder below MEDIACLUSTER_IMPORT_ROOTS."


class FileUnreadable(InputError):
    """A file named for import cannot be opened."""

    code = "file_unreadable"
    advice = "Check that it is there and its permissions."


class BackupDamaged(InputError):
    """A backup is incomplete, or differs from what was saved."""

    code = "backup_damaged"
    advice = "Restore another backup, or copy this one again from where it is whole."


class InvalidVector(InputError):
    """A vector is zero, not finite, or has the wrong dimension."""

    code = "invalid_vector"
    advice = "Correct the vector in the file, then import the file again."


class InvalidRecord(InputError):
    """A row of a file of embeddings lacks data, or contradicts another row."""

    code = "invalid_record"
    advice = "Correct the row in the file, then import the file again."


class InvalidQuery(InputError):
    """A search query is invalid. `field` in the error's context names the parameter."""

    code = "invalid_query"
    advice = "Correct the field that `field` names."


class IdempotencyMismatch(InputError):
    """An Idempotency-Key was used for a different request."""

    code = "idempotency_mismatch"
    advice = "Send each new request with a new `Idempotency-Key`."


class Unauthorized(MediaclusterError):
    """The API key is missing, unknown or revoked."""

    code = "unauthorized"
    advice = "Send a valid API key, or log in again."


class Forbidden(MediaclusterError):
    """The caller is known but may not do this, or not from that place."""

    code = "forbidden"
    advice = "Use a key with the scope that the detail names, or ask from an allowed address."


class CsrfFailed(MediaclusterError):
    """A request for a change comes from another site, or from a page that was opened before the login."""

    code = "csrf_failed"
    advice = "Reload the page, then try again."


class LoginFailed(Unauthorized):
    """The name, password or login link is wrong. The error does not tell which."""

    code = "login_failed"
    advice = "Check the name and the password, or ask for a new login link."


class RateLimited(MediaclusterError):
    """Too many requests. `retry_after_seconds` in the error's context says when to retry."""

    code = "rate_limited"
    advice = "Wait for as long as `Retry-After` says, then try again."


# --- what is stored ------------------------------------------------------------------------------------------


class NotFound(MediaclusterError):
    code = "not_found"
    advice = "Check the id. If the picture was deleted by mistake, add it again."


class Conflict(MediaclusterError):
    """The request contradicts the stored state, or a concurrent change was faster."""

    code = "conflict"
    advice = "Read the current state, then decide again."


class UndoBlocked(Conflict):
    """Later changes block an undo or redo. `obstacles` in the error's context lists them."""

    code = "undo_blocked"
    advice = "Undo the later changes first."


class IdempotencyInProgress(Conflict):
    """The first request with this Idempotency-Key is still being processed."""

    code = "idempotency_in_progress"
    advice = "Wait for as long as `Retry-After` says, then send the same request again."


class LeaseLost(Conflict):
    """The work was given to another worker meanwhile. Nothing was recorded."""

    code = "lease_lost"
    advice = "Nothing: another worker has the work."


# --- the world around ----------------------------------------------------------------------------------------


class BackendUnavailable(MediaclusterError):
    """The database, the broker or the storage cannot be reached. Nothing was changed; try again later."""

    code = "backend_unavailable"
    advice = "Wait until the server answers again, then try again."


class TransactionConflict(BackendUnavailable):
    """Another transaction holds a lock: a deadlock, or a lock timeout. Nothing was changed."""


class DatabaseReadOnly(BackendUnavailable):
    """The database takes no writes, as a standby does. Nothing was changed."""

    code = "database_read_only"
    advice = "Send the request to a server that uses the primary database, or wait until this one takes writes."


class StorageFull(MediaclusterError):
    code = "storage_full"
    advice = "Free disk space on the server, then try again."


class OriginalMissing(MediaclusterError):
    """The original of a picture is not in the storage."""

    code = "original_missing"
    happened = "The original is missing from storage."
    advice = "Upload the file again, or restore a backup and try again."


class FetchFailed(MediaclusterError):
    """A URL responded with an error, or not at all."""

    code = "fetch_failed"
    happened = "The address answered with an error."
    advice = "Open the address in a browser: it must be the picture itself, without a login."


class FetchTimeout(FetchFailed):
    code = "fetch_timeout"
    happened = "The address did not answer in time."
    advice = "Try again later, raise MEDIACLUSTER_FETCH_TOTAL_SECONDS, or download it and upload the file."


class FetchTooLarge(FetchFailed):
    code = "fetch_too_large"
    happened = "The file at this address is larger than allowed."
    advice = "Give the address of a smaller version, or upload one."


class Quarantined(MediaclusterError):
    """A file failed too often. It is kept, and left alone until someone retries it."""

    code = "quarantined"
    happened = (
        "Every attempt ended without a result: the file crashes or stalls the decoder. "
        "It is quarantined so that it cannot hold up other work."
    )
    advice = (
        "Open it in a picture editor, save it again and upload the "
        "copy, which counts as a new file; or try again after an update."
    )


# --- how it is set up ----------------------------------------------------------------------------------------


class ConfigurationError(MediaclusterError):
    """A setting, a model or a server is not configured correctly. The hint says how to fix it."""

    code = "configuration_error"
    advice = "Correct the setting that the detail names. `mediacluster doctor` checks the set-up."


class SpaceMismatch(ConfigurationError):
    """The configured encoders are not those that the active space was made with."""

    code = "space_mismatch"
    advice = "Configure the encoders of the active space, or change the model."


class FidelityTooLow(ConfigurationError):
    """The vectors of the requested faster runtime differ too much from those at full precision."""

    code = "fidelity_too_low"
    advice = "Use the runtime in full precision."


class SpaceIncomplete(Conflict):
    """A space cannot be activated because it lacks pictures."""

    code = "space_incomplete"
    advice = "Wait until the space is filled, or see why pictures failed in it."


class NotInSpace(Conflict):
    """On a picture: the active space has no vectors of it, because the model was changed without it."""

    code = "not_in_space"
    happened = "The model was changed while this picture could not be embedded."
    advice = "Restore its original and try again, or go back to the previous model, which has vectors for it."


class EncoderUnavailable(ConfigurationError):
    """A model cannot be loaded."""

    code = "encoder_unavailable"
    advice = "Check the name of the model, its file and the network. `mediacluster doctor` tries to load it."


def error_kinds() -> dict[str, type[MediaclusterError]]:
    """The class of each code. If a class and a subclass share a code, it is the class."""

    def walk(kind: type[MediaclusterError]) -> Iterator[type[MediaclusterError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from walk(child)

    return {kind.code: kind for kind in walk(MediaclusterError) if "code" in vars(kind)}


def advice_on(code: str | None) -> str:
    """What to do about a code. Empty for None, or for an unknown code."""
    kind = error_kinds().get(code or "")
    return "" if kind is None else kind.advice
