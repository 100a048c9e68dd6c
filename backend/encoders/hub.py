"""Loading of models: first from this machine, then from the hub, with a fast failure if the hub cannot be reached.

Without this, each file of a model would be requested with retries, which takes minutes without network; and a local model
would change under a running space when its owner publishes new weights.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from huggingface_hub import constants, get_session
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

from backend.errors import EncoderUnavailable, MediaclusterError

_PROBE_SECONDS = 5.0
_LOADING = threading.Lock()  # offline mode applies to the whole process

T = TypeVar("T")


def load_model(what: str, load: Callable[[], T], hint: str) -> T:
    """Call `load` without network, and again with it if files are missing.

    Args:
        what: name of the model for messages.
        load: loads the model through huggingface_hub.
        hint: what to do if it cannot be loaded.

    Raises:
        EncoderUnavailable: files are missing and cannot be downloaded, or they do not contain such a model.
    """
    with _LOADING:
        try:
            with _offline():
                return load()
        except MediaclusterError:
            raise
        except Exception as error:  # the libraries raise exceptions of many kinds
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
    """Whether a missing file caused this error, however deeply the libraries have wrapped it."""
    causes = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    return any(isinstance(item, OfflineModeIsEnabled | LocalEntryNotFoundError) for item in causes)


def _require_hub(what: str, hint: str) -> None:
    """Check with one short request, without retries, that the hub can be reached. Any response suffices."""
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
    """The first line of an error message, which can be pages long, as a sentence."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300].rstrip('.')}."
