"""Addresses of vector services, and the parts that they keep."""

from pathlib import Path

import pytest

from backend.bootstrap import link_vector_services, own_vector_part, vector_service_addresses
from backend.errors import ConfigurationError
from backend.settings import load_settings
from backend.vector_protocol import Address


@pytest.mark.parametrize("url", ["unix:/run/a/vectors.sock", "tcp://10.0.0.5:7700", "tcp://[::1]:7700"])
def test_address__is_written_as_it_is_read(url: str) -> None:
    assert str(Address.parse(url)) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "unix:relative",
        "tcp://host",
        "tcp://:1",
        "http://host:1",
        "tcp://a:b@host:1",
        "tcp://host:99999",
        "tcp://host:1/x",
    ],
)
def test_address__a_mistake_says_how_to_write_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Address.parse(url)
    assert "tcp://10.0.0.5:7700" in str(refused.value.hint)


def test_addresses__of_a_home_with_a_long_path_are_short(tmp_path: Path) -> None:
    """A path of a socket has at most some hundred bytes."""
    settings = load_settings(_env_file=None, home=tmp_path / ("long" * 30))
    (address,) = vector_service_addresses(settings)
    assert len(str(address.path)) < 100


def test_parts__each_has_its_address() -> None:
    urls = "unix:/a, unix:/b"
    for number, path in ((1, "/a"), (2, "/b")):
        settings = load_settings(_env_file=None, vector_service_url=urls, vectors_shard=f"{number}/2")
        assert own_vector_part(settings) == (number, 2, Address(path=Path(path)))
    for shard in (None, "1/3"):
        with pytest.raises(ConfigurationError, match="names 2 addresses"):
            own_vector_part(load_settings(_env_file=None, vector_service_url=urls, vectors_shard=shard))
    for shard in ("0/2", "3/2", "1", "a/b", "-1/2"):
        with pytest.raises(ConfigurationError, match="VECTORS_SHARD"):
            load_settings(_env_file=None, vectors_shard=shard)


def test_links__as_many_as_addresses_and_none_where_it_is_off() -> None:
    asking = load_settings(_env_file=None, vector_service="ask", vector_service_url="unix:/a,unix:/b")
    assert [str(link.address) for link in link_vector_services(asking)] == ["unix:/a", "unix:/b"]
    assert link_vector_services(asking.model_copy(update={"vector_service": "off"})) == ()
