"""Loading from what is on this machine first, then from the hub, and failing fast where the hub is out of reach.

Without this, each of a model's files is asked for with retries, which takes minutes where there is no network; and a
model that is already here would change under a running space when its owner publishes new weights.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from huggingface_hub import constants, get_session
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

from backend.errors import EncoderUnavailable, MediaclusterError

_PROBE_SECONDS = 5.0
_LOADING = threading.Lock()  # offline mode is a switch of the whole process

T = TypeVar("T")


def load_model(what: str, load: Callable[[], T], hint: str) -> T:
    """Call `load` without network; where files are missing, again with it.

    Args:
        what: the model as people know it, for the message.
        load: loads it through huggingface_hub.
        hint: what to do if it cannot be loaded.

    Raises:
        EncoderUnavailable: files are missing and cannot be downloaded, or they hold no such model.
    """
    with _LOADING:
        try:
            with _offline():
                return load()
        except MediaclusterError:
            raise
        except Exception as error:  # the libraries raise whatever they like
            if not _files_are_missing(error):
                raise EncoderUnavailable(f"{what} cannot be loaded: {_summary(error)}", hint=hint) from error
        _require_hub(what, hint)
        try:
            return load()
        except MediaclusterError:
            raise
        except Exception as error:
            raise EncoderUnavailable(f"{what} cannot be downloaded: {_summary(error)}", hint=hint) from error


@contextmanager
def _offline() -> Iterator[None]:
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _files_are_missing(error: BaseException) -> bool:
    """Whether a missing file is behind this error, however often the libraries have wrapped it."""
    causes = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    return any(isinstance(item, OfflineModeIsEnabled | LocalEntryNotFoundError) for item in causes)


def _require_hub(what: str, hint: str) -> None:
    """One short question, without retries: any answer will do."""
    if constants.HF_HUB_OFFLINE:
        raise EncoderUnavailable(f"{what} is not on this machine, and HF_HUB_OFFLINE forbids a download.", hint=hint)
    try:
        get_session().head(constants.ENDPOINT, timeout=_PROBE_SECONDS)
    except Exception as error:
        raise EncoderUnavailable(
            f"{what} is not on this machine, and {constants.ENDPOINT} cannot be reached to download it "
            f"({_summary(error)})",
            hint=hint,
        ) from error


def _summary(error: BaseException) -> str:
    """The first line of a message that can be pages long, as a sentence."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300].rstrip('.')}."
