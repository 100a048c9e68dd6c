"""The process of the HTTP server."""

import resource
import subprocess
import sys

_ASK = (
    "import resource; from backend.cli.http_server import raise_descriptor_limit; raise_descriptor_limit(); "
    "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
)


def test_descriptors__as_many_as_allowed() -> None:
    """With 256, three hundred event streams stopped the server."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    command = ["sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh", sys.executable, "-c", _ASK]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert told == [str(hard)] * 2
