from dataclasses import asdict

from backend.files.limits import FetchPolicy, Limits
from backend.settings import Settings

SETTINGS = Settings(_env_file=None)


def test_limits__are_the_settings_of_the_same_names() -> None:
    limits = asdict(Limits.from_settings(SETTINGS))
    assert limits == {name: getattr(SETTINGS, name) for name in limits}


def test_limits__take_over_settings() -> None:
    limits = Limits.from_settings(Settings(_env_file=None, max_pixels=7, enable_avif=False))
    assert (limits.max_pixels, limits.enable_avif, limits.enable_heif) == (7, False, True)


def test_fetch_policy__is_the_settings_of_fetches() -> None:
    policy = asdict(FetchPolicy.from_settings(SETTINGS))
    assert policy == {name: getattr(SETTINGS, f"fetch_{name}") for name in policy}


def test_fetch_policy__takes_over_settings() -> None:
    settings = Settings(_env_file=None, fetch_ports=(8080,), fetch_allow_private=True, fetch_max_redirects=1)
    assert FetchPolicy.from_settings(settings) == FetchPolicy(
        ports=(8080,), allow_private=True, connect_seconds=5.0, total_seconds=30.0, max_redirects=1
    )
