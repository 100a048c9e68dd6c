import pytest

from backend.embedded.redis import client_url


@pytest.mark.parametrize(
    ("celery_url", "redis_py_url"),
    [
        ("redis+socket:///srv/a%20b/redis.sock?virtual_host=0", "unix:///srv/a%20b/redis.sock?db=0"),
        ("redis+socket:///srv/redis.sock?virtual_host=3", "unix:///srv/redis.sock?db=3"),
        ("redis+socket:///srv/redis.sock", "unix:///srv/redis.sock?db=0"),
        ("redis://:secret@localhost:6379/2", "redis://:secret@localhost:6379/2"),
        ("rediss://cache.example/0?ssl_cert_reqs=required", "rediss://cache.example/0?ssl_cert_reqs=required"),
    ],
)
def test_client_url(celery_url: str, redis_py_url: str) -> None:
    assert client_url(celery_url) == redis_py_url
