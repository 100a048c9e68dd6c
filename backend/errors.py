"""Everything that can go wrong, as one tree. No HTTP in here: `backend.web.middleware.problems` maps codes to statuses.

Every error has a stable `code` (a public contract: it stands in API answers, on media rows and in import
reports), a sentence on what happened and, where there is one, a hint on what to do next.
"""

from typing import Any, ClassVar


class MediaclusterError(Exception):
    """The root. `code` is stable, `detail` is for people, `hint` says what to do next.

    `reason` is what a driver said: for logs and the command line, not for whoever asks over the network. It may name hosts,
    accounts and folders.
    """

    code: ClassVar[str] = "internal_error"

    def __init__(self, detail: str, *, hint: str | None = None, reason: str | None = None, **context: Any) -> None:
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
    """One sentence of both."""
    return f"{detail.rstrip('.')}: {reason.rstrip('.')}." if reason else detail


# --- what the caller sent ------------------------------------------------------------------------------------


class InputError(MediaclusterError):
    """The input is at fault; sending the same again gives the same answer."""

    code = "malformed_request"


class InvalidText(InputError):
    """A text is too long, holds NUL or cannot be decoded."""

    code = "invalid_text"


class FileTooLarge(InputError):
    code = "file_too_large"


class RequestTimeout(InputError):
    """The rest of a request did not come."""

    code = "request_timeout"


class UnsupportedFormat(InputError):
    """The content is no picture of a format that is let in, whatever the name says."""

    code = "unsupported_format"


class ImageCorrupt(InputError):
    code = "image_corrupt"


class ImageTruncated(InputError):
    code = "image_truncated"


class TooManyPixels(InputError):
    code = "too_many_pixels"


class DecodeCrash(InputError):
    """The decoder died or stalled on a file, or it took too much memory; the detail says which."""

    code = "decode_crash"


class MetadataTooLarge(InputError):
    code = "metadata_too_large"


class UrlForbidden(InputError):
    """The address, or one that it leads to, is not one that this server may ask."""

    code = "url_forbidden"


class PathForbidden(InputError):
    """The path is outside the configured import roots."""

    code = "path_forbidden"


class FileUnreadable(InputError):
    """A file named for import cannot be opened."""

    code = "file_unreadable"


class BackupDamaged(InputError):
    """A backup is not whole, or not as it was saved."""

    code = "backup_damaged"


class InvalidVector(InputError):
    """A vector is zero, not finite or of the wrong dimension."""

    code = "invalid_vector"


class InvalidRecord(InputError):
    """A row of a file of embeddings lacks what it needs, or contradicts another row."""

    code = "invalid_record"


class InvalidQuery(InputError):
    """A search asks for something senseless; `field` in its context names what."""

    code = "invalid_query"


class IdempotencyMismatch(InputError):
    """An Idempotency-Key comes again with another request."""

    code = "idempotency_mismatch"


class Unauthorized(MediaclusterError):
    """A key is needed and none came, or it is not known, or not any more."""

    code = "unauthorized"


class Forbidden(MediaclusterError):
    """Whoever asks is known, and may not do this, or not from there."""

    code = "forbidden"


class CsrfFailed(MediaclusterError):
    """A page of another site asks for a change, or one that is older than the login."""

    code = "csrf_failed"


class LoginFailed(Unauthorized):
    """A name, a password or a login link is wrong; nothing says which."""

    code = "login_failed"


class RateLimited(MediaclusterError):
    """Too much was asked in too short a time; `retry_after_seconds` in its context says when to come back."""

    code = "rate_limited"


# --- what is stored ------------------------------------------------------------------------------------------


class NotFound(MediaclusterError):
    code = "not_found"


class Conflict(MediaclusterError):
    """The request contradicts what is stored, or somebody else was faster."""

    code = "conflict"


class UndoBlocked(Conflict):
    """Later work stands in the way of an undo or redo; `obstacles` in its context says what."""

    code = "undo_blocked"


class IdempotencyInProgress(Conflict):
    """The first request with this Idempotency-Key has not been answered yet."""

    code = "idempotency_in_progress"


class LeaseLost(Conflict):
    """The work was given to another worker while this one was away; nothing was recorded."""

    code = "lease_lost"


# --- the world around ----------------------------------------------------------------------------------------


class BackendUnavailable(MediaclusterError):
    """The database, the broker or the storage cannot be reached; nothing was changed, try again later."""

    code = "backend_unavailable"


class TransactionConflict(BackendUnavailable):
    """Another transaction held what this one wanted: a deadlock, a lock waited for too long. Nothing was changed."""


class StorageFull(MediaclusterError):
    code = "storage_full"


class OriginalMissing(MediaclusterError):
    """The bytes of a media row are not in the storage."""

    code = "original_missing"


class FetchFailed(MediaclusterError):
    """A URL answered with an error, or not at all."""

    code = "fetch_failed"


class FetchTimeout(FetchFailed):
    code = "fetch_timeout"


class FetchTooLarge(FetchFailed):
    code = "fetch_too_large"


class Quarantined(MediaclusterError):
    """A file failed too often; it is kept and left alone until somebody asks for another try."""

    code = "quarantined"


# --- how it is set up ----------------------------------------------------------------------------------------


class ConfigurationError(MediaclusterError):
    """A setting, a model or a server is not as it must be; the hint says how to mend it."""

    code = "configuration_error"


class SpaceMismatch(ConfigurationError):
    """The configured encoders are not those that the active space was made with."""

    code = "space_mismatch"


class FidelityTooLow(ConfigurationError):
    """A faster runtime was asked for whose vectors are too far from those of full precision."""

    code = "fidelity_too_low"


class SpaceIncomplete(Conflict):
    """A space cannot be activated while media are missing in it."""

    code = "space_incomplete"


class NotInSpace(Conflict):
    """On a media: the active space has no vectors of it, and somebody went on without it."""

    code = "not_in_space"


class EncoderUnavailable(ConfigurationError):
    """A model cannot be loaded."""

    code = "encoder_unavailable"
