"""The process of the vector service, until a signal ends it."""

import logging
import os
import signal
import socket
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from backend.bootstrap import vector_service_address, vector_service_token
from backend.cli.console import console
from backend.errors import MediaclusterError
from backend.logs import configure_logging
from backend.settings import Settings
from backend.supervision import end_with_supervisor, find_supervisor, pulse_path
from backend.vector_protocol import FiguresRequest, Listener, ServiceAway, ServiceLink, require_token

if TYPE_CHECKING:
    from backend.features.services import Services

logger = logging.getLogger(__name__)

_PULSE_SECONDS: Final = 5.0


def run_vector_service(settings: Settings) -> None:
    """Serve until a signal. If another service runs here, wait until that has ended.

    Raises:
        ConfigurationError: the address cannot be listened at, or there is no token for a port.
        BackendUnavailable: an embedded server does not start.
    """
    from backend.embedded import make_socket_folder

    configure_logging(settings.log_format, settings.log_level, settings.secrets)
    end_with_supervisor()
    address, token = vector_service_address(settings), vector_service_token(settings)
    if address.path is None:
        require_token(token)
    elif settings.vector_service_url is None:
        run = settings.make_home() / "run"
        run.mkdir(mode=0o700, exist_ok=True)
        make_socket_folder(run, address.path.name, os.geteuid())
    with ExitStack() as stack:
        listener = Listener(address)
        stack.callback(listener.close)
        listener.claim(lambda: console.print("A vector service runs already. This one takes over when that has ended."))
        # Only now: a service that waits needs none of this.
        from backend.bootstrap import build_services
        from backend.features.model_change import EncoderWatch
        from backend.features.vector_service import VectorServer

        services = build_services(settings, asks_vector_service=False, rings=False)
        stack.callback(services.database.dispose)
        watch = EncoderWatch(services)
        watch.start()
        stack.callback(watch.stop)
        server = VectorServer(services, listener.listen(), token)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: threading.Thread(target=server.close).start())
        threading.Thread(target=_load, args=(services,), name="loading", daemon=True).start()
        link = ServiceLink(address, token)
        threading.Thread(target=_pulse, args=(link, settings), name="pulse", daemon=True).start()
        console.print(f"The vector service listens at {address} (Ctrl-C to stop)", highlight=False)
        server.serve()


def _pulse(link: ServiceLink, settings: Settings) -> None:
    """Touch a file as long as the service answers, for those who watch it: see `Supervisor`."""
    name = f"vectors-{find_supervisor() or os.getpid()}@{socket.gethostname()}"
    pulse = pulse_path(settings.home_path, name)
    while True:
        # A full disk is reported by the code that needs the space.
        with suppress(ServiceAway, OSError):
            link.ask(FiguresRequest(), seconds=_PULSE_SECONDS)
            pulse.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            pulse.touch()
        time.sleep(_PULSE_SECONDS)


def _load(services: "Services") -> None:
    """Load vectors and encoders now, so that the first query does not wait for them."""
    from backend.store.spaces import find_active_space, has_library

    try:
        _ = services.scans.is_ready  # requests them
        with services.database.transaction() as session:
            space = find_active_space(session) if has_library(session) else None
        if space is not None:
            services.encoders_of(space).load()
    except MediaclusterError as error:
        logger.warning("The encoders could not be loaded yet; the first query tries again. %s", error.full_detail)
