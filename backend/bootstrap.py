"""The composition root: creates engine, storage, encoders and queue from the settings.

Each function imports what it creates. A command that only needs the database, or the clock that only needs the broker, loads no more.
"""

import os
from functools import cache
from typing import TYPE_CHECKING, Final

from backend.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

    from backend.encoders import EncoderNames, Encoders
    from backend.features.services import Services
    from backend.files.decoding import Decoders
    from backend.files.storage import Storage
    from backend.store.engine import Database
    from backend.store.schema import Space
    from backend.vector_protocol import Address, ServiceLink

# With two, one can work while the other waits. Above sixteen, one core cannot keep them all supplied.
_FEWEST_DECODERS: Final = 2
_MOST_DECODERS: Final = 16
_VECTOR_SOCKET: Final = "vectors.sock"


def resolve_database_url(settings: Settings) -> str:
    """The libpq URL of the database. Starts the embedded server if none is configured."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    from backend.embedded import ensure_postgres

    return ensure_postgres(settings.make_home())


def open_database(settings: Settings) -> "Database":
    """A pool for the database of the settings. Connects when it is first used, but starts the embedded server."""
    from backend.store.engine import Database

    direct = settings.direct_database_url
    return Database(
        resolve_database_url(settings),
        pooler=settings.database_pooler,
        direct_url=None if direct is None else direct.get_secret_value(),
    )


def resolve_broker_url(settings: Settings) -> str:
    """The URL of the broker for Celery. Starts the embedded server if none is configured."""
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    from backend.embedded import ensure_redis

    return ensure_redis(settings.make_home())


def vector_service_address(settings: Settings) -> "Address":
    """Where the vector service of this host listens.

    Raises:
        ConfigurationError: the setting is not an address, or the short folder for a long home is not private.
    """
    from backend.embedded import socket_folder
    from backend.vector_protocol import Address

    if settings.vector_service_url is not None:
        return Address.parse(settings.vector_service_url)
    return Address(path=socket_folder(settings.home_path / "run", _VECTOR_SOCKET, os.geteuid()) / _VECTOR_SOCKET)


def link_vector_service(settings: Settings) -> "ServiceLink | None":
    """The link to the vector service. None if this process is to keep vectors and encoders itself."""
    if settings.vector_service == "off":
        return None
    from backend.vector_protocol import ServiceLink, require_token

    address, token = vector_service_address(settings), vector_service_token(settings)
    if address.path is None:
        require_token(token)
    return ServiceLink(address, token)


def vector_service_token(settings: Settings) -> str:
    """The token of the vector service, '' without one."""
    return "" if settings.vector_service_token is None else settings.vector_service_token.get_secret_value()


def open_storage(settings: Settings) -> "Storage":
    from backend.files.storage import Storage

    if settings.storage_url is None:
        settings.make_home()  # else it would be made with the first file, for everybody
    return Storage.open(settings.resolved_storage_url, settings.storage_options)


def count_decoders(settings: Settings) -> int:
    """Number of decoder processes: as configured, otherwise by the available cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return settings.decoder_processes or min(max(cores, _FEWEST_DECODERS), _MOST_DECODERS)


@cache
def _share_decoders(processes: int, seconds: float, memory_bytes: int) -> "Decoders":
    """One set for all services of this process. Decoders keep nothing between two files."""
    from backend.files.decoding import Decoders

    return Decoders(processes=processes, seconds=seconds, memory_bytes=memory_bytes)


def build_services(settings: Settings, *, asks_vector_service: bool = True, rings: bool = True) -> "Services":
    """Create all services. Sends nothing over the network, but starts embedded servers.

    `asks_vector_service` is false for the vector service itself. Without `rings`, the broker is not needed before it is used.
    """
    from backend.doorbell import Doorbell, make_celery
    from backend.encoders import Lazy
    from backend.features.services import Services
    from backend.store.search import ScanKeeper

    def make_doorbell() -> "Celery":
        return make_celery(resolve_broker_url(settings))

    database = open_database(settings)
    link = link_vector_service(settings) if asks_vector_service else None
    if link is not None:
        database.before_dispose(link.close)
    return Services(
        settings=settings,
        database=database,
        storage=open_storage(settings),
        doorbell=Doorbell(make_doorbell() if rings else make_doorbell),
        lazy_encoders=Lazy(lambda: open_encoders(settings, database)),
        decoders=_share_decoders(count_decoders(settings), settings.decode_seconds, settings.decode_memory_bytes),
        scans=ScanKeeper(database, most_bytes=settings.search_memory_bytes),
        vector_service=link,
    )


def open_encoders(settings: Settings, database: "Database") -> "Encoders":
    """The encoders to use. Runtimes that are not set follow the active space."""
    from backend.encoders import load_encoders

    names = choose_encoders(settings, database)
    space = _find_space(database)
    recorded = None if space is None else (space.image_fingerprint, space.text_fingerprint)
    return load_encoders(settings, names, recorded=recorded)


def choose_encoders(settings: Settings, database: "Database") -> "EncoderNames":
    """The configured encoders. If none are configured, those of the active space, otherwise the preset `cpu`."""
    from backend.encoders import is_configured, resolve_encoders
    from backend.features.services import names_of_space

    if is_configured(settings):
        return resolve_encoders(settings)
    space = _find_space(database)
    return resolve_encoders(settings) if space is None else names_of_space(settings, space)


def _find_space(database: "Database") -> "Space | None":
    """The active space. None before the first migration too, because encoders can be tried without a library."""
    from backend.store.spaces import find_active_space, has_library

    with database.transaction() as session:
        return find_active_space(session) if has_library(session) else None
