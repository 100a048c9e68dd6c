"""The listening end of a vector service. Imports little, so that a service which waits for another to end costs little."""

import fcntl
import os
import socket
from collections.abc import Callable
from typing import Final

from backend.errors import ConfigurationError
from backend.vector_protocol.addresses import Address

_BACKLOG: Final = 128


class Listener:
    """Claims an address, then listens at it.

    Only one service has a socket in the file system: it holds the lock file beside it, which the kernel releases when it dies.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock: int | None = None
        self._socket: socket.socket | None = None

    def claim(self, on_wait: Callable[[], object]) -> None:
        """Claim the socket. If another service has it, call `on_wait` and wait until that has ended. Does nothing for a port."""
        path = self._address.path
        if path is None:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Kept on purpose: if it were removed, two services could lock two different files of the same name.
        self._lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        path.unlink(missing_ok=True)  # of a service that was killed

    def listen(self) -> socket.socket:
        """Begin to listen.

        Raises:
            ConfigurationError: the address cannot be listened at.
        """
        try:
            self._socket = self._at_port() if self._address.path is None else self._at_path()
        except OSError as error:
            raise ConfigurationError(
                f"The vector service cannot listen at {self._address}: {error.strerror}.",
                hint="Choose another MEDIACLUSTER_VECTOR_SERVICE_URL.",
            ) from error
        return self._socket

    def close(self) -> None:
        """End listening, and give the address up."""
        if self._socket is not None:
            self._socket.close()
            if self._address.path is not None:
                self._address.path.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
        self._socket = self._lock = None

    def _at_port(self) -> socket.socket:
        host = self._address.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, self._address.port), family=family, backlog=_BACKLOG)

    def _at_path(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)  # for the owner alone, from the first moment
        try:
            listener.bind(str(self._address.path))
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
        finally:
            os.umask(mask)
        return listener
