"""Addresses of a vector service: a socket in the file system, or a host and port."""

import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from backend.errors import ConfigurationError

_HINT = "Write it like unix:/run/mediacluster/vectors.sock or tcp://10.0.0.5:7700."


@dataclass(frozen=True)
class Address:
    """Where a service listens: at `path`, or at `host` and `port`."""

    path: Path | None = None
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Parse unix:PATH or tcp://HOST:PORT. Raises ConfigurationError."""
        if url.startswith("unix:"):
            path = url.removeprefix("unix:")
            if path.startswith("/"):
                return cls(path=Path(path))
            raise ConfigurationError(f"{url!r} does not name an absolute path.", hint=_HINT)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or not port or parts.scheme != "tcp" or parts.username is not None or parts.path.strip("/"):
            raise ConfigurationError("MEDIACLUSTER_VECTOR_SERVICE_URL is not an address.", hint=_HINT)
        return cls(host=host, port=port)

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"

    def connect(self, seconds: float) -> socket.socket:
        """Connect within so many seconds. Raises OSError."""
        if self.path is None:
            connection = socket.create_connection((self.host, self.port), timeout=seconds)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(seconds)
            connection.connect(str(self.path))
        except BaseException:
            connection.close()
            raise
        return connection
