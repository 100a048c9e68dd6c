from backend.files.limits import FetchPolicy, Limits
from backend.settings import Settings


def test_limits__defaults_are_those_of_the_settings() -> None:
    assert Limits.from_settings(Settings(_env_file=None)) == Limits()


def test_limits__take_over_settings() -> None:
    assert Limits.from_settings(Settings(_env_file=None, max_pixels=7, enable_avif=False)) == Limits(
        max_pixels=7, enable_avif=False
    )


def test_fetch_policy__defaults_are_those_of_the_settings() -> None:
    assert FetchPolicy.from_settings(Settings(_env_file=None)) == FetchPolicy()


def test_fetch_policy__takes_over_settings() -> None:
    settings = Settings(_env_file=None, fetch_ports=(8080,), fetch_allow_private=True, fetch_max_redirects=1)

    assert FetchPolicy.from_settings(settings) == FetchPolicy(ports=(8080,), allow_private=True, max_redirects=1)
