"""The server: a thread for each connection. A client is treated as hostile until it has greeted, and bounded afterwards."""

import errno
import hmac
import logging
import socket
import threading
from contextlib import suppress
from typing import Final

from backend.errors import MediaclusterError
from backend.features.services import Services
from backend.features.vector_service.answers import Answer, Answers
from backend.vector_protocol import (
    MOST_BODY_BYTES,
    MOST_HEADER_BYTES,
    VERSION,
    BrokenFrame,
    Closed,
    Hello,
    PicturesRequest,
    Refused,
    Request,
    SearchRequest,
    Welcome,
    read_request,
    receive_frame,
    require_token,
    send_frame,
    write,
)

logger = logging.getLogger(__name__)

_GREETING_SECONDS: Final = 5.0
_MOST_HELLO_BYTES: Final = 2048
_MOST_CONNECTIONS: Final = 256
_MOST_UNGREETED: Final = 64
# Bodies of pictures are large, so few are read at the same time.
_MOST_PICTURES: Final = 4
_WITH_PICTURES: Final = (PicturesRequest, SearchRequest)
# Too many open files, too little memory and the like: others are served, and later ones again.
_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ECONNABORTED, errno.ENOBUFS, errno.ENOMEM, errno.EINTR})
_PAUSE_SECONDS: Final = 0.05


class VectorServer:
    """Serves the vectors and encoders of a library at a listening socket.

    Over a socket in the file system, only processes of its owner can connect: the file is theirs alone. Elsewhere each connection has to
    know the token.
    """

    def __init__(self, services: Services, listener: socket.socket, token: str = "") -> None:
        """Raises ConfigurationError: the socket is a port, and there is no token."""
        if listener.family != socket.AF_UNIX:
            require_token(token)
        self._listener = listener
        self._token = token
        self._answers = Answers(services)
        self._closing = threading.Event()
        self._turn = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._ungreeted = 0
        self._picture_slots = threading.BoundedSemaphore(_MOST_PICTURES)

    def serve(self) -> None:
        """Answer until `close` is called."""
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if self._closing.is_set():
                    return
                if error.errno not in _PASSING:
                    raise
                self._closing.wait(_PAUSE_SECONDS)
                continue
            if self._admit(connection):
                threading.Thread(target=self._attend, args=(connection,), name="vector-client", daemon=True).start()
            else:
                connection.close()

    def close(self) -> None:
        """End `serve` and all connections."""
        self._closing.set()
        with self._turn:
            connections = [self._listener, *self._connections]
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it

    def _admit(self, connection: socket.socket) -> bool:
        with self._turn:
            if len(self._connections) >= _MOST_CONNECTIONS or self._ungreeted >= _MOST_UNGREETED:
                return False
            self._connections.add(connection)
            self._ungreeted += 1
            return True

    def _attend(self, connection: socket.socket) -> None:
        try:
            try:
                is_welcome = self._greet(connection)
            finally:
                with self._turn:
                    self._ungreeted -= 1
            while is_welcome and not self._closing.is_set():
                self._answer_one(connection)
        except (Closed, OSError):
            pass
        except BrokenFrame as error:
            logger.warning("A client of the vector service was disconnected: %s.", error)
        except Exception:
            logger.exception("A connection of the vector service failed.")
        finally:
            with self._turn:
                self._connections.discard(connection)
            connection.close()

    def _greet(self, connection: socket.socket) -> bool:
        header, _ = receive_frame(
            connection, most_header=_MOST_HELLO_BYTES, most_body=lambda _: 0, wait_seconds=_GREETING_SECONDS
        )
        hello = read_request(header)
        if not isinstance(hello, Hello):
            raise BrokenFrame("the first message is no greeting")
        # Compared in constant time, so that no part of the token can be guessed from how long the answer takes.
        if self._token and not hmac.compare_digest(hello.token.encode(), self._token.encode()):
            send_frame(connection, write(Refused(code="token", detail="The token is wrong.")))
            return False
        if hello.version != VERSION:
            detail = f"The service speaks version {VERSION}, not {hello.version}."
            send_frame(connection, write(Refused(code="version", detail=detail)))
            return False
        send_frame(connection, write(Welcome(version=VERSION)))
        return True

    def _answer_one(self, connection: socket.socket) -> None:
        requests: list[Request] = []

        def most_body(header: bytes) -> int:
            request = read_request(header)
            if request.body_bytes > MOST_BODY_BYTES:
                raise BrokenFrame(f"a body of {request.body_bytes} bytes")
            if isinstance(request, _WITH_PICTURES):
                self._picture_slots.acquire()
            requests.append(request)
            return request.body_bytes

        try:
            _, body = receive_frame(connection, most_header=MOST_HEADER_BYTES, most_body=most_body, wait_seconds=None)
            (request,) = requests
            if len(body) != request.body_bytes:
                raise BrokenFrame("the body is not as long as its header says")
            reply, numbers = self._try_to_answer(request, body)
        finally:
            if requests and isinstance(requests[0], _WITH_PICTURES):
                self._picture_slots.release()
        send_frame(connection, write(reply), *numbers)

    def _try_to_answer(self, request: Request, body: bytes) -> Answer:
        try:
            return self._answers.answer(request, body)
        except MediaclusterError as error:
            return Refused(code=error.code, detail=error.full_detail, hint=error.hint), ()
        except Exception:
            # Out of memory too. The one who asks goes its own way.
            logger.exception("The vector service could not answer a request.")
            return Refused(code="failed", detail="The service could not answer; its log says why."), ()
