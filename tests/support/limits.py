"""Limits as a library has them that sets nothing, or but for some of them."""

from typing import Any

from backend.files.limits import FetchPolicy, Limits
from backend.settings import Settings


def make_limits(**changes: Any) -> Limits:
    """The default limits of uploads; `changes` are settings of the same names."""
    return Limits.from_settings(Settings(_env_file=None, **changes))


def make_fetch_policy(**changes: Any) -> FetchPolicy:
    """The default policy of fetches; `changes` are its fields, settings without `fetch_`."""
    return FetchPolicy.from_settings(
        Settings(_env_file=None, **{f"fetch_{name}": value for name, value in changes.items()})
    )
