"""The link of a process to the vector service of its host: a few connections that all its threads share."""

import socket
import threading
import time
from collections.abc import Sequence

from backend.errors import ConfigurationError
from backend.vector_protocol.addresses import Address
from backend.vector_protocol.frames import (
    MOST_HEADER_BYTES,
    BrokenFrame,
    Closed,
    receive_frame,
    send_frame,
)
from backend.vector_protocol.messages import (
    MOST_BODY_BYTES,
    VERSION,
    Hello,
    Refused,
    Reply,
    Request,
    Welcome,
    read_reply,
    write,
)

_CONNECT_SECONDS = 0.5
_HELLO_SECONDS = 5.0
_RETRY_SECONDS = 0.5
_MOST_IDLE = 32
# A service that has answered is expected back for so long: its keeper starts it again.
_EXPECTED_SECONDS = 60.0


class ServiceAway(Exception):
    """The service cannot be reached, does not know this protocol, or did not answer in time."""


class RequestTooLarge(ServiceAway):
    """The request is larger than any service takes."""


class ServiceLink:
    """Asks a vector service. Cheap to create: connects when it is asked. Thread-safe; usable after a fork, not across one."""

    def __init__(self, address: Address, token: str = "") -> None:
        self.address = address
        self._token = token
        self._idle: list[socket.socket] = []
        self._lock = threading.Lock()
        self._answered_at = self._failed_at = -float("inf")

    @property
    def is_expected(self) -> bool:
        """Whether the service has answered this process lately. Then it is probably being started again."""
        return time.monotonic() - self._answered_at < _EXPECTED_SECONDS

    @property
    def is_up(self) -> bool:
        """Whether the service can be asked now. Connects if no connection is open; after a failure not more often than twice a second."""
        with self._lock:
            while self._idle:
                if _is_open(self._idle[-1]):
                    return True
                self._idle.pop().close()
            if time.monotonic() - self._failed_at < _RETRY_SECONDS:
                return False
        try:
            self._keep(self._connect())
        except ServiceAway:
            return False
        return True

    def ask(self, request: Request, body: Sequence[bytes | memoryview] = (), *, seconds: float) -> tuple[Reply, bytes]:
        """Ask, and wait for the reply at most so many seconds.

        Raises:
            ServiceAway: there is no reply. The request may have been worked on all the same.
        """
        header = write(request)
        if len(header) > MOST_HEADER_BYTES:
            raise RequestTooLarge(f"{len(header)} bytes")
        while True:
            connection, is_fresh = self._take()
            try:
                reply = _exchange(connection, header, body, seconds)
            except (OSError, BrokenFrame, Closed) as error:
                connection.close()
                if not is_fresh and not isinstance(error, (TimeoutError, BrokenFrame)):
                    continue  # the service was started again since this connection was used
                self._fail()
                raise ServiceAway(str(error) or type(error).__name__) from error
            self._answered_at = time.monotonic()
            self._keep(connection)
            return reply

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> tuple[socket.socket, bool]:
        """A connection, and whether it is new."""
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
            if time.monotonic() - self._failed_at < _RETRY_SECONDS:
                raise ServiceAway("it did not answer a moment ago")
        return self._connect(), True

    def _keep(self, connection: socket.socket) -> None:
        with self._lock:
            if len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> socket.socket:
        try:
            connection = self.address.connect(_CONNECT_SECONDS)
        except OSError as error:
            self._fail()
            raise ServiceAway(error.strerror or type(error).__name__) from error
        try:
            reply, _ = _exchange(connection, write(Hello(version=VERSION, token=self._token)), (), _HELLO_SECONDS)
        except (OSError, BrokenFrame, Closed) as error:
            connection.close()
            self._fail()
            raise ServiceAway(str(error) or type(error).__name__) from error
        if not isinstance(reply, Welcome) or reply.version != VERSION:
            connection.close()
            self._fail()
            raise ServiceAway(reply.detail if isinstance(reply, Refused) else "it speaks another version")
        return connection

    def _fail(self) -> None:
        self._failed_at = time.monotonic()


def require_token(token: str) -> None:
    """Refuse a service over the network without a token. Raises ConfigurationError."""
    if not token:
        raise ConfigurationError(
            "A vector service over TCP needs a token.",
            hint="Set MEDIACLUSTER_VECTOR_SERVICE_TOKEN to the same random text for the service and those that ask it.",
        )


def _is_open(connection: socket.socket) -> bool:
    """Whether the other side has not closed an idle connection. Does not wait."""
    try:
        connection.settimeout(0)
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False  # closed, or something came that nobody asked for


def _exchange(
    connection: socket.socket, header: bytes, body: Sequence[bytes | memoryview], seconds: float
) -> tuple[Reply, bytes]:
    send_frame(connection, header, *body)
    found: list[Reply] = []

    def most_body(header: bytes) -> int:
        found.append(read_reply(header))
        if found[0].body_bytes > MOST_BODY_BYTES:
            raise BrokenFrame(f"a body of {found[0].body_bytes} bytes")
        return found[0].body_bytes

    _, numbers = receive_frame(connection, most_header=MOST_HEADER_BYTES * 4, most_body=most_body, wait_seconds=seconds)
    if len(numbers) != found[0].body_bytes:
        raise BrokenFrame("the body is not as long as its header says")
    return found[0], numbers
