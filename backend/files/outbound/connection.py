"""Network backend that connects only to checked addresses and enforces one deadline."""

import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore

from backend.clock import CLOCK, Clock
from backend.files.outbound.addresses import Address


class Deadline:
    """The deadline of one fetch, on the monotonic clock."""

    def __init__(self, total_seconds: float, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._ends_at = clock.monotonic() + total_seconds

    def remaining_seconds(self) -> float:
        """Return the remaining time. Raises httpcore.ReadTimeout if there is none."""
        left = self._ends_at - self._clock.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole fetch is used up")
        return left


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to one of `addresses`, whatever the host is. The name is never resolved a second time."""

    def __init__(self, addresses: Sequence[Address], deadline: Deadline, connect_seconds: float) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._connect_seconds = connect_seconds
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - httpcore's signature; the addresses are already chosen
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Try the addresses in order. Raises the last failure."""
        options = tuple(socket_options or ())
        failure: Exception = httpcore.ConnectError("there is no address to connect to")
        for address in self._addresses:
            patience = min(self._connect_seconds, self._deadline.remaining_seconds())
            try:
                stream = self._backend.connect_tcp(str(address), port, patience, local_address, options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            return _DeadlineStream(stream, self._deadline)
        raise failure


class _DeadlineStream(httpcore.NetworkStream):
    """Limits each read and write to the time until the deadline, so that a slow trickle of data ends too."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._deadline.remaining_seconds())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._deadline.remaining_seconds())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.remaining_seconds())
        return _DeadlineStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
