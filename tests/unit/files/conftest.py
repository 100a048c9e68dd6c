"""Pictures and limits for the tests of files."""

import pytest

from backend.files.limits import Limits
from tests.support.limits import make_limits
from tests.support.pictures import Pictures


@pytest.fixture(scope="session")
def pictures() -> Pictures:
    return Pictures()


@pytest.fixture(scope="session")
def limits() -> Limits:
    return make_limits()
