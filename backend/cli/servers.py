"""Embedded servers, workers and the API around a command."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NoReturn

from backend.bootstrap import build_services, open_database
from backend.cli.console import complain, console
from backend.cli.login import make_link
from backend.errors import BackendUnavailable, ConfigurationError, MediaclusterError, SpaceMismatch
from backend.logs import configure_logging
from backend.settings import Settings
from backend.supervision import Supervisor, worker_command

if TYPE_CHECKING:
    from backend.features.services import Services


@contextmanager
def running_servers(settings: Settings, *, stop: bool) -> Iterator[None]:
    """Run the embedded servers that the settings require, and start them again when they die. With `stop`, stop those that were
    started here.

    A server that cannot be started again ends the block by SIGTERM, which `ending_in_order` turns into its end.

    Raises:
        ConfigurationError, BackendUnavailable: a server does not start, or could not be started again.
    """
    from backend.embedded import POSTGRES, REDIS, ServerKeeper

    home = settings.make_home()
    needed = [server for server in (POSTGRES, REDIS) if getattr(settings, server.setting.lower()) is None]
    keepers = [(server, ServerKeeper(server, home, on_give_up=_end_this_process)) for server in needed]
    try:
        with ExitStack() as stack:
            for _server, keeper in keepers:
                stack.enter_context(keeper)
            yield
    finally:
        for server, keeper in reversed(keepers):
            if stop and keeper.started:
                server.stop(home)
        for error in filter(None, (keeper.error for _server, keeper in keepers)):
            raise error from None


def _end_this_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def prepare_database(settings: Settings) -> None:
    """Migrate the database to the newest schema."""
    from backend.store.migrate import upgrade

    database = open_database(settings)
    try:
        upgrade(database.direct.engine)
    finally:
        database.dispose()


@contextmanager
def running_vector_service(settings: Settings) -> Iterator[None]:
    """Run the vector service of this host until the end, if the settings say so, and start it again when it dies."""
    with ExitStack() as stack:
        if settings.vector_service == "start":
            stack.enter_context(Supervisor(settings.home_path, ["vectors"]))
        yield


@contextmanager
def running_workers(services: "Services") -> Iterator[None]:
    """Ensure that workers run: if none responds, run some here until the end."""
    with ExitStack() as stack:
        if not services.doorbell.count_listeners():
            stack.enter_context(Supervisor(services.settings.home_path))
        yield


def require_free_port(settings: Settings) -> None:
    """Check before long work that the port is free. Raises ConfigurationError."""
    address = (settings.api_host, settings.api_port)
    try:
        socket.create_server(address, family=socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET).close()
    except OSError as error:
        raise ConfigurationError(
            f"The API cannot be served at {settings.api_host} port {settings.api_port}: {error.strerror}.",
            hint="Choose another port with --port (or MEDIACLUSTER_API_PORT), or another --host.",
        ) from error


def require_safe_address(settings: Settings) -> None:
    """Refuse to serve beyond this machine without authentication. Raises ConfigurationError."""
    from backend.web.middleware.hosts import is_loopback

    if settings.authentication != "keys" and not is_loopback(settings.api_host):
        raise ConfigurationError(
            f"The API would be open to anyone who can reach {settings.api_host}: "
            f"MEDIACLUSTER_AUTHENTICATION is {settings.authentication}.",
            hint="Set MEDIACLUSTER_AUTHENTICATION=keys and create keys with `mediacluster key create`, or "
            "serve this machine only (--host 127.0.0.1).",
        )


def run_api(settings: Settings, *, login_link: bool = False) -> None:
    """Serve the API and the pages until a signal, then finish running requests.

    `login_link` prints a login link if the server listens on loopback only.

    Raises:
        ConfigurationError: the port is taken, or the address would give other machines full access.
    """
    from backend.cli.http_server import serve
    from backend.features.model_change import EncoderWatch
    from backend.web.middleware.hosts import is_loopback
    from backend.web.server import create_web_app

    require_safe_address(settings)
    require_free_port(settings)
    configure_logging(settings.log_format, settings.log_level, settings.secrets)
    with ExitStack() as stack:
        services = build_services(settings)
        stack.callback(services.database.dispose)
        require_own_encoders(services)
        watch = EncoderWatch(services)
        watch.start()
        stack.callback(watch.stop)
        # In the background, so that neither the start nor the first upload waits for their imports.
        threading.Thread(target=services.decoders.start, name="decoders", daemon=True).start()
        host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
        console.print(f"Serving http://{host}:{settings.api_port}/docs (Ctrl-C to stop)", highlight=False)
        if login_link and settings.authentication != "none" and is_loopback(settings.api_host):
            try:
                _name, link = make_link(services.database, settings, None)
            except BackendUnavailable as error:  # the server waits for its database, so it starts without it too
                complain(f"No login link could be made; get one with `mediacluster login-link`. {error.full_detail}")
            else:
                complain(f"Log in to the admin pages with this link (works once, within 15 minutes): {link}")
        serve(create_web_app(services), settings)


def require_own_encoders(services: "Services") -> None:
    """Check at startup that the active space has the configured encoders, rather than fail on each request.

    Does nothing if the database does not respond yet or nothing is embedded.

    Raises:
        SpaceMismatch: the space has other encoders.
    """
    from backend.store.spaces import find_active_space

    try:
        with services.database.transaction() as session:
            space = find_active_space(session)
        if space is not None:
            services.encoders_of(space)
    except SpaceMismatch:
        raise
    except MediaclusterError as error:
        complain(f"The encoders could not be checked against the library yet: {error}")


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Make SIGTERM unwind like Ctrl-C, so that child processes are ended. A second SIGTERM interrupts that."""

    def end(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def become_celery(role: str, settings: Settings) -> NoReturn:
    """Replace this process by Celery, so that signals reach it directly."""
    settings.make_home()
    command = worker_command(role, log_level=settings.log_level)
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - our own command, no shell
