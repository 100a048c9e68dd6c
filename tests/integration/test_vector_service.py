"""The vector service of a host: what it answers is what the process would find itself, or it answers nothing."""

import copy
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import hypothesis.strategies as st
import numpy as np
import psutil
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from PIL import Image
from pydantic import SecretStr

from backend.bootstrap import build_services, vector_service_addresses
from backend.encoders import Encoders
from backend.errors import ConfigurationError, EncoderUnavailable, InvalidText, SpaceMismatch
from backend.features.search import (
    HostVectors,
    OwnVectors,
    VectorSource,
    encoders_by,
    host_encoders,
    nominate,
    recommend,
    vector_source,
)
from backend.features.search import alpha_insight as insight_module
from backend.features.search import host_vectors as asking
from backend.features.search.candidates import Candidates, Leg
from backend.features.services import Services
from backend.features.steps import open_active_space
from backend.features.vector_service import VectorServer
from backend.features.vector_service import server as serving
from backend.features.vector_service.answers import Answer
from backend.rules.search import Filters
from backend.settings import Settings
from backend.store.engine import Database, begin_snapshot, forbid_writes
from backend.store.schema import Space
from backend.store.search import WHOLE, Part, QueryVectors, ScanKeeper, match, nearest_exactly
from backend.supervision import Supervisor
from backend.vector_protocol import (
    Address,
    Figures,
    FiguresRequest,
    Listener,
    Request,
    ServiceAway,
    ServiceLink,
    frames,
)
from backend.vector_protocol import link as linking
from tests.integration.test_scan import hold_passes, nearest_vector
from tests.support.command_line import library_environment, run_command, use_library
from tests.support.ports import free_port
from tests.support.processes import children_with
from tests.support.vector_libraries import COUNT, IMAGE, TEXT, Library
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def filled(make_database_url: Callable[[str | None], str], template: str) -> Library:
    made = Library(Database(make_database_url(template)))
    made.add(COUNT)
    with made.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
    made.database.dispose()
    return made


@pytest.fixture
def library(filled: Library, copy_database: Callable[[str], str]) -> Iterator[Library]:
    own = copy.copy(filled)
    own.database = Database(copy_database(str(filled.database.engine.url.database)))
    own.generator, own.ids = copy.deepcopy(filled.generator), list(filled.ids)
    yield own
    own.database.dispose()


@dataclass(frozen=True)
class Host:
    """A service in a thread of this process, over a socket of its own."""

    server: VectorServer
    address: Address
    scans: ScanKeeper
    token: str = ""
    links: list[ServiceLink] = field(default_factory=list)

    def link(self, token: str | None = None) -> ServiceLink:
        self.links.append(ServiceLink(self.address, self.token if token is None else token))
        return self.links[-1]


@contextmanager
def running(settings: Settings, address: Address, token: str = "", part: Part = WHOLE) -> Iterator[Host]:
    """Serve the library of the settings, however small."""
    services = build_services(settings, asks_vector_service=False)
    services = replace(services, scans=ScanKeeper(services.database, most_bytes=1 << 30, least_media=1, part=part))
    services.scans.refresh()
    listener = Listener(address)
    listener.claim(lambda: None)
    listening = listener.listen()
    if address.path is None:
        address = replace(address, port=listening.getsockname()[1])
    try:
        server = VectorServer(services, listening, token)
    except ConfigurationError:
        listener.close()
        services.database.dispose()
        raise
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    host = Host(server, address, services.scans, token)
    try:
        yield host
    finally:
        for link in host.links:
            link.close()
        server.close()
        thread.join()
        listener.close()
        services.database.dispose()


@pytest.fixture
def host_settings(settings: Settings, library: Library) -> Settings:
    return settings.model_copy(update={"database_url": SecretStr(library.database.url)})


@pytest.fixture
def host(host_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(vector_source, "FEW_MEDIA", 0)
    monkeypatch.setattr(vector_source, "FEW_FILTERED_MEDIA", 0)
    monkeypatch.setattr(vector_source, "_DEAR_BY_ID", 0)
    with running(host_settings, Address(path=tmp_path / "v.sock")) as host:
        yield host


def no_vectors(database: Database) -> OwnVectors:
    """A process that keeps no vectors itself."""
    return OwnVectors(ScanKeeper(database, most_bytes=0))


def is_by_scan(found: Candidates) -> bool:
    return found.nominated_by[0] == frozenset({Leg.SCAN})


def find(
    database: Database,
    vectors: VectorSource,
    query: QueryVectors,
    k: int,
    filters: Filters = Filters(),  # noqa: B008 - frozen
    exclude: tuple[uuid.UUID, ...] = (),
    *,
    for_any_order: bool = False,
) -> Candidates:
    """Candidates by these vectors. The best of them are those of the exact statement in SQL."""
    with database.transaction() as session:
        forbid_writes(session)
        found = nominate(
            session,
            query.image,
            query.text,
            k=k,
            alpha=query.alpha,
            filters=filters,
            exclude=exclude,
            for_any_order=for_any_order,
            scans=vectors,
        )
        true = nearest_exactly(session, query, match(**vars(filters), exclude=exclude), k)
    assert found.media_ids[:k] == [row.media_id for row in true]
    for ours, theirs in ((found.sim_image, "sim_image"), (found.sim_text, "sim_text")):
        wanted = [np.nan if (one := getattr(row, theirs)) is None else one for row in true]
        np.testing.assert_array_equal(ours[:k], wanted)
    return found


def test_service__answers_as_the_process_itself(library: Library, host: Host) -> None:
    """The same candidates, cosines, bound and reaches, to the last bit, for all kinds of queries."""
    vectors, own = HostVectors([host.link()], no_vectors(library.database)), OwnVectors(host.scans)
    some = Filters(keywords_any=("fourth",))
    none = Filters(
        (5,), ("a",), ("b",), datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC), "x", ("image/png",)
    )
    by_scan = 0
    for step in range(40):
        image, text = library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0]
        query = QueryVectors(
            None if step % 5 == 4 else image,
            None if step % 5 == 3 else text,
            float(library.generator.choice([0.0, 0.2, 0.6, 0.9, 1.0])) if step % 5 < 3 else 0.5,
        )
        k = int(library.generator.integers(1, 80))
        exclude = tuple(library.ids[: step % 4])
        filters = (Filters(), Filters(), some)[step % 3]
        order = step % 2 == 0
        ours = find(library.database, vectors, query, k, filters, exclude, for_any_order=order)
        theirs = find(library.database, own, query, k, filters, exclude, for_any_order=order)
        by_scan += is_by_scan(ours)
        assert ours.media_ids == theirs.media_ids
        np.testing.assert_array_equal(ours.sim_image, theirs.sim_image)
        np.testing.assert_array_equal(ours.sim_text, theirs.sim_text)
        for name in ("nominated_by", "certified", "bound", "whole", "image_reach", "text_reach", "scanned"):
            assert getattr(ours, name) == getattr(theirs, name), name
    assert by_scan > 25
    find(library.database, vectors, QueryVectors(library.vectors(1, IMAGE)[0], None, 1.0), 5, none)


def test_service__recommends_and_explores_as_the_process_itself(library: Library, host: Host) -> None:
    vectors, own = HostVectors([host.link()], no_vectors(library.database)), OwnVectors(host.scans)
    with library.database.transaction() as session:
        session.execute(
            sa.text(
                "UPDATE media SET status = 'embedded', sha256 = sha256(CAST(media.id::text AS bytea)), original_key = 'k', "
                "upload_seq = place, embedded_at = now() "
                "FROM (SELECT id, row_number() OVER () AS place FROM media) AS numbered WHERE numbered.id = media.id"
            )
        )
    for media_id in library.ids[:5]:
        with library.database.transaction() as session:
            ours = recommend(session, media_id, 5, 0.6, vectors)
        with library.database.transaction() as session:
            assert ours == recommend(session, media_id, 5, 0.6, own)
            explored = insight_module.insight(session, media_id, 10, vectors)
            assert explored == insight_module.insight(session, media_id, 10, own)


@pytest.mark.parametrize("seed", [1, 2])
def test_service__follows_the_table(library: Library, host: Host, seed: int) -> None:
    """Whatever is committed before a query, its answer has."""
    library.generator = np.random.default_rng(seed)
    vectors = HostVectors([host.link()], no_vectors(library.database))
    for step in range(12):
        changes: list[Callable[[int], object]] = [library.add, library.remove, library.reword]
        changes[step % 3](int(library.generator.integers(1, 30)))
        query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], 0.6)
        assert is_by_scan(find(library.database, vectors, query, 10))


def test_service__sees_nothing_that_only_the_transaction_sees(library: Library, host: Host) -> None:
    """What has written, or has a snapshot of its own, goes its own way."""
    vectors = HostVectors([host.link()], no_vectors(library.database))
    with library.database.transaction() as session:
        own, *_ = library.add(3, session)
        (image,) = nearest_vector(session, own)
        found = nominate(session, image, None, k=1, alpha=1, filters=Filters(), scans=vectors)
        assert own in found.media_ids
    with library.database.transaction() as session:
        begin_snapshot(session)
        session.execute(sa.text("SELECT 1"))
        later, *_ = library.add(3)
        with library.database.transaction() as other:
            (image,) = nearest_vector(other, later)
        found = nominate(session, image, None, k=1, alpha=1, filters=Filters(), scans=vectors)
        assert later not in found.media_ids


def test_service__of_another_database_is_not_believed(
    library: Library, host: Host, copy_database: Callable[[str], str]
) -> None:
    """Nor is one that has seen less than the transaction."""
    other = copy.copy(library)
    other.database = Database(copy_database(str(library.database.engine.url.database)))
    other.add(3)
    vectors = HostVectors([host.link()], no_vectors(other.database))
    query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], 0.6)
    assert not is_by_scan(find(other.database, vectors, query, 10))
    other.database.dispose()


def test_service__that_lags_is_not_believed(library: Library, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    read = asking.read_found

    def lagging(*arguments: object) -> object:
        found = read(*arguments)  # type: ignore[arg-type]
        return replace(found, as_of=replace(found.as_of, next_id=found.as_of.next_id - 1))

    monkeypatch.setattr(asking, "read_found", lagging)
    vectors = HostVectors([host.link()], no_vectors(library.database))
    query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], 0.6)
    assert not is_by_scan(find(library.database, vectors, query, 10))


def test_service__two_processes_share_a_pass(library: Library, host: Host) -> None:
    batches = hold_passes(host.scans)
    count = 8
    asks = f"""
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from backend.features.search import HostVectors, OwnVectors, nominate
from backend.rules.search import Filters
from backend.store.engine import Database, forbid_writes
from backend.store.search import ScanKeeper
from backend.vector_protocol import Address, ServiceLink

database = Database(sys.argv[1])
vectors = HostVectors([ServiceLink(Address(path=Path(sys.argv[2])))], OwnVectors(ScanKeeper(database, most_bytes=0)))
assert vectors.is_ready

def ask(seed):
    image = np.random.default_rng(seed).normal(size={IMAGE}).astype(np.float32)
    with database.transaction() as session:
        forbid_writes(session)
        print("ready" if seed == 0 else "", flush=True)
        return nominate(session, image, None, k=5, alpha=1, filters=Filters(), scans=vectors).certified

with ThreadPoolExecutor({count}) as pool:
    assert all(pool.map(ask, range({count})))
"""
    path = host.address.path
    with ExitStack() as stack:
        command = [sys.executable, "-c", asks, library.database.url, str(path)]
        processes = [stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE)) for _ in range(2)]
        for process in processes:
            process.communicate(timeout=60)
            assert process.returncode == 0
    assert sum(batches) == 2 * count
    assert max(batches) > count  # more than one of them alone can wait


@pytest.mark.parametrize("seed", [1, 2])
def test_service__parts_make_the_whole(
    library: Library, host: Host, host_settings: Settings, tmp_path: Path, seed: int
) -> None:
    """Three services that keep a part each answer as one that keeps all, while the table changes. Without one of them, or with one twice, none
    answers."""
    library.generator = np.random.default_rng(seed)
    with ExitStack() as stack:
        parts = [
            stack.enter_context(running(host_settings, Address(path=tmp_path / f"{number}.sock"), part=Part(number, 3)))
            for number in (1, 2, 3)
        ]
        assert sum(one.scans.count for one in parts) == COUNT
        assert min(one.scans.count for one in parts) > COUNT // 5
        vectors = HostVectors([one.link() for one in parts], no_vectors(library.database))
        whole = HostVectors([host.link()], no_vectors(library.database))
        for step in range(12):
            changes: list[Callable[[int], object]] = [library.add, library.remove, library.reword]
            changes[step % 3](20)
            query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], step / 11)
            filters = Filters(keywords_any=("fourth",)) if step % 4 == 3 else Filters()
            order, exclude = step % 2 == 0, tuple(library.ids[: step % 3])
            ours = find(library.database, vectors, query, 20, filters, exclude, for_any_order=order)
            theirs = find(library.database, whole, query, 20, filters, exclude, for_any_order=order)
            assert is_by_scan(ours)
            assert (ours.certified, ours.bound, ours.scanned) == (theirs.certified, theirs.bound, theirs.scanned)
            if order:
                assert set(theirs.media_ids[:20]) <= set(ours.media_ids)
                for mine, its in ((ours.image_reach, theirs.image_reach), (ours.text_reach, theirs.text_reach)):
                    assert mine is not None
                    assert its is not None
                    assert mine <= its + 1e-12
        with library.database.transaction() as session:
            explored = insight_module.insight(session, library.ids[0], 10, vectors)
            assert explored == insight_module.insight(session, library.ids[0], 10, None)
        assert vectors.figures().media >= len(library.ids)
        query = QueryVectors(library.vectors(1, IMAGE)[0], None, 1.0)
        for links in ([parts[0], parts[1]], [parts[0], parts[1], parts[1]], [parts[0], parts[1], host], [parts[0]]):
            some = HostVectors([one.link() for one in links], no_vectors(library.database))
            assert not is_by_scan(find(library.database, some, query, 5))


def talk(address: Address) -> socket.socket:
    """A connection that has been welcomed."""
    connection = address.connect(5)
    frames.send_frame(connection, b'{"version": 1, "kind": "hello"}')
    welcome, _ = frames.receive_frame(connection, most_header=1000, most_body=lambda _: 0, wait_seconds=5)
    assert json.loads(welcome)["kind"] == "welcome"
    return connection


_LENGTHS = struct.Struct("!II")
_BEST = {"kind": "best", "image": IMAGE, "text": TEXT, "alpha": 0.5, "k": 5}


def frame(header: object, body: bytes = b"") -> bytes:
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    return _LENGTHS.pack(len(written), len(body)) + written + body


_HOSTILE = {
    "not a frame": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a huge header": _LENGTHS.pack(2**32 - 1, 0) + b"{" * 100_000,
    "a huge body": _LENGTHS.pack(2, 2**32 - 1) + b"{}" + b"x" * 100_000,
    "a body that no request has": frame({"kind": "figures"}, b"x"),
    "more body than it says": frame(_BEST, b"\0" * (4 * (IMAGE + TEXT) + 4)),
    "less body than it says": frame(_BEST, b"\0" * 4),
    "no JSON": frame(b"\x80\x04\x95"),
    "deep JSON": frame(b"[" * 100_000),
    "another kind": frame({"kind": "execute", "code": "1"}),
    "a field too many": frame(_BEST | {"session": 1}, b"\0" * (4 * (IMAGE + TEXT))),
    "a count out of bounds": frame(_BEST | {"k": 10**9}, b"\0" * (4 * (IMAGE + TEXT))),
    "excludes the world": frame(_BEST | {"excluded": 10**9}),
    "huge pictures": frame(
        {"kind": "pictures", "sizes": [[32768, 32768]] * 16, "image_fingerprint": "i", "text_fingerprint": "t"}
    ),
    "NaN for a weight": frame(b'{"kind": "best", "image": 24, "text": null, "alpha": NaN, "k": 1}'),
}
_REFUSED = {
    "zero vectors": frame(_BEST, b"\0" * (4 * (IMAGE + TEXT))),
    "not finite": frame(_BEST, b"\xff" * (4 * (IMAGE + TEXT))),
    "another dimension": frame(_BEST | {"image": IMAGE + 1}, np.ones(IMAGE + TEXT + 1, "<f4").tobytes()),
    "no vectors": frame(_BEST | {"image": None, "text": None}),
    "NUL in a filter": frame(_BEST | {"filters": {"location": "a\0b"}}, np.ones(IMAGE + TEXT, "<f4").tobytes()),
    "encoders of nobody": frame(
        {"kind": "words", "side": "text", "words": ["a"], "image_fingerprint": "x", "text_fingerprint": "y"}
    ),
    "a second greeting": frame({"kind": "hello", "version": 1}),
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_service__ends_the_connection_of_who_breaks_the_protocol(host: Host, name: str) -> None:
    """And serves others."""
    with talk(host.address) as connection:
        with suppress(OSError):
            connection.sendall(_HOSTILE[name])
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(5)
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    with talk(host.address) as connection:
        connection.sendall(frame({"kind": "figures"}))
        header, _ = frames.receive_frame(connection, most_header=1000, most_body=lambda _: 0, wait_seconds=5)
    assert json.loads(header)["media"] == COUNT


@pytest.mark.parametrize("name", _REFUSED)
def test_service__answers_nothing_it_cannot_certify(host: Host, name: str) -> None:
    """The connection stays, and the pass of others is not spoilt."""
    with talk(host.address) as connection:
        for sent, kinds in ((_REFUSED[name], {"nothing", "refused"}), (frame({"kind": "figures"}), {"figures_are"})):
            connection.sendall(sent)
            header, body = frames.receive_frame(connection, most_header=5000, most_body=lambda _: 0, wait_seconds=5)
            assert json.loads(header)["kind"] in kinds
            assert body == b""


@hypothesis_settings(max_examples=150)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=100)).map(
            lambda parts: _LENGTHS.pack(*parts[:2]) + parts[2]
        ),
        st.tuples(st.sampled_from([*_HOSTILE.values(), *_REFUSED.values()]), st.integers(0, 400)).map(
            lambda parts: parts[0][: parts[1]]
        ),
    ),
    st.booleans(),
)
def test_service__fuzzed(shared_host: Host, sent: bytes, is_greeted: bool) -> None:
    """Random bytes, lengths and cuts, before and after the greeting: an answer of the protocol, or the end."""
    with talk(shared_host.address) if is_greeted else shared_host.address.connect(5) as connection:
        with suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(5)
        received = b""
        with suppress(ConnectionResetError):
            while piece := connection.recv(4096):
                received += piece
    while received:
        header, body = _LENGTHS.unpack(received[:8])
        assert json.loads(received[8 : 8 + header])["kind"] in {"refused", "nothing", "figures_are", "welcome"}
        received = received[8 + header + body :]


@pytest.fixture(scope="module")
def shared_host(
    filled: Library, make_database_url: Callable[[str | None], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    """For tests that change nothing."""
    folder = tmp_path_factory.mktemp("host")
    settings = Settings(
        _env_file=None,
        home=folder,
        database_url=SecretStr(make_database_url(str(filled.database.engine.url.database))),
        redis_url=SecretStr("redis://nowhere"),
        preset="demo",
    )
    with running(settings, Address(path=folder / "v.sock")) as host:
        yield host


def test_service__who_sends_slowly_holds_nobody_up(shared_host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A greeting and a frame have to come in time."""
    monkeypatch.setattr(serving, "_GREETING_SECONDS", 0.2)
    monkeypatch.setattr(frames, "FRAME_SECONDS", 0.2)
    with shared_host.address.connect(5) as mute, talk(shared_host.address) as slow:
        slow.sendall(_LENGTHS.pack(50, 0) + b"{")
        for connection in (mute, slow):
            connection.settimeout(5)
            assert connection.recv(1) == b""


def test_service__only_so_many_at_once(shared_host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_MOST_UNGREETED", 3)
    wait_for(lambda: not shared_host.server._connections)
    with ExitStack() as stack:
        mute = [stack.enter_context(shared_host.address.connect(5)) for _ in range(4)]
        mute[3].settimeout(5)
        assert mute[3].recv(1) == b""
        with pytest.raises(ServiceAway):
            shared_host.link().ask(FiguresRequest(), seconds=5)
    wait_for(lambda: not shared_host.server._connections)
    link = shared_host.link()
    assert link.is_up


def test_service__over_tcp_knows_its_clients_by_a_token(host_settings: Settings) -> None:
    with running(host_settings, Address(host="127.0.0.1", port=0), "right") as host:
        link = host.link()
        assert link.is_up
        for token in ("", "wrong", "right "):
            with pytest.raises(ServiceAway, match="token is wrong"):
                host.link(token).ask(FiguresRequest(), seconds=5)
        reply, _ = link.ask(FiguresRequest(), seconds=5)
        assert reply.kind == "figures_are"
    with pytest.raises(ConfigurationError, match="needs a token"), running(host_settings, Address(host="::1", port=0)):
        pass
    url = "tcp://127.0.0.1:7700"
    with pytest.raises(ConfigurationError, match="needs a token"):
        build_services(host_settings.model_copy(update={"vector_service": "ask", "vector_service_url": url}))


def test_service__its_socket_is_for_its_owner_alone(shared_host: Host) -> None:
    assert shared_host.address.path is not None
    assert shared_host.address.path.stat().st_mode & 0o777 == 0o600


def test_service__only_one_has_the_socket(tmp_path: Path) -> None:
    """Another waits until it has ended, however that happens."""
    address = Address(path=tmp_path / "v.sock")
    first, second, waits, has = Listener(address), Listener(address), threading.Event(), threading.Event()
    first.claim(lambda: None)
    first.listen()

    def take_over() -> None:
        second.claim(waits.set)
        second.listen()
        has.set()

    thread = threading.Thread(target=take_over)
    thread.start()
    assert waits.wait(5)
    assert not has.wait(0.1)
    first.close()
    assert has.wait(5)
    thread.join()
    address.connect(1).close()
    second.close()
    assert not (tmp_path / "v.sock").exists()


def test_process__without_a_service_keeps_vectors_itself(
    library: Library, host_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one that has answered is away, the indexes answer; when it has been away for long, the process loads. When it is back, the
    process gives up its own."""
    monkeypatch.setattr(linking, "_RETRY_SECONDS", 0)
    own = OwnVectors(ScanKeeper(library.database, most_bytes=1 << 30, least_media=1))
    own.keeper.refresh()
    address = Address(path=tmp_path / "v.sock")
    link = ServiceLink(address)
    vectors = HostVectors([link], own)
    query = QueryVectors(library.vectors(1, IMAGE)[0], library.vectors(1, TEXT)[0], 0.6)
    assert is_by_scan(find(library.database, vectors, query, 10))
    with running(host_settings, address):
        assert is_by_scan(find(library.database, vectors, query, 10))
        assert own.keeper.count == 0
        assert vectors.figures().media == COUNT
    own.keeper.refresh()
    assert not is_by_scan(find(library.database, vectors, query, 10))
    monkeypatch.setattr(linking, "_EXPECTED_SECONDS", 0)
    assert is_by_scan(find(library.database, vectors, query, 10))
    own.keeper.close()
    link.close()


def test_service__killed_in_the_midst_of_queries(
    library: Library, host_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Costs time only: each answer is exact, and when its keeper has started it again, it answers again."""
    library.add(200)
    use_library(host_settings, monkeypatch)
    link = ServiceLink(vector_service_addresses(host_settings)[0])
    vectors = HostVectors([link], no_vectors(library.database))
    stop, kinds = threading.Event(), list[bool]()

    def ask(seed: int) -> None:
        generator = np.random.default_rng(seed)
        while not stop.is_set():
            query = QueryVectors(generator.normal(size=IMAGE).astype(np.float32), None, 1.0)
            kinds.append(is_by_scan(find(library.database, vectors, query, 5)))
            stop.wait(0.1)  # brute force in SQL takes a core else

    def is_answering() -> bool:
        for thread in asking_threads:
            if thread.done():
                thread.result()
        return any(kinds[-3:])

    with Supervisor(host_settings.home_path, ["vectors"]) as keeper, ThreadPoolExecutor(3) as pool:
        asking_threads = [pool.submit(ask, seed) for seed in range(3)]
        try:
            wait_for(is_answering)
            killed = keeper.pids()["vectors"]
            os.kill(killed, signal.SIGKILL)
            wait_for(lambda: not is_answering() and not any(kinds[-6:]))
            wait_for(is_answering)
            assert keeper.pids()["vectors"] != killed
        finally:
            stop.set()
        for thread in asking_threads:
            thread.result()
    link.close()


@pytest.fixture
def demo_space(services: Services) -> Space:
    """The active space of a library with the demo encoders."""
    return open_active_space(services)


def test_encoders__of_the_service_give_what_those_of_the_process_give(
    services: Services, settings: Settings, demo_space: Space, tmp_path: Path
) -> None:
    """The same vectors, to the last bit, and the same errors."""

    def none(_space: Space) -> Encoders:
        raise AssertionError("the process loads no encoders")

    own = services.encoders_of(demo_space)
    pictures = [Image.new("RGB", (90, 60), "teal"), Image.effect_noise((64, 64), 50).convert("RGB")]
    with running(settings, Address(path=tmp_path / "v.sock")) as host:
        link = host.link()
        hosts = encoders_by(link, none)(demo_space)
        for words in (["a boat"], ["a boat", "Ærø, 雪 " * 100]):
            np.testing.assert_array_equal(hosts.image.embed_words(words), own.image.embed_words(words))
            np.testing.assert_array_equal(hosts.text.embed_texts(words), own.text.embed_texts(words))
        np.testing.assert_array_equal(hosts.image.embed_pictures(pictures), own.image.embed_pictures(pictures))
        assert hosts.image.embed_pictures([]).shape == (0, demo_space.image_dimension)
        assert hosts.image.input_size_pixels == own.image.input_size_pixels
        assert hosts.image.first_resize == own.image.first_resize
        with pytest.raises(InvalidText) as refused:
            hosts.text.embed_texts([""])
        with pytest.raises(InvalidText) as ours:
            own.text.embed_texts([""])
        assert (str(refused.value), refused.value.code) == (str(ours.value), ours.value.code)
        other = Space(image_fingerprint="i", text_fingerprint="t", image_dimension=8, text_dimension=8)
        with pytest.raises(SpaceMismatch):
            encoders_by(link, none)(other).text.embed_texts(["a"])
        reply, _ = link.ask(FiguresRequest(), seconds=5)
        assert isinstance(reply, Figures)
        assert reply.has_encoders


def test_search__on_the_command_line_is_answered_by_the_service(
    database: Database,
    settings: Settings,
    demo_space: Space,
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
    make_jpeg: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It prints the same, without loading what computes; also for a picture, filters, and a query that is refused."""
    ids = insert_media(database, 6, "pending")
    vectors = np.random.default_rng(1).normal(size=(6, demo_space.image_dimension)).astype(np.float32)
    embed_media(database, demo_space, ids, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    with database.transaction() as session:
        session.execute(
            sa.text(
                "UPDATE media SET title = 'A boat', location = 'Bergen', taken_at = '2015-06-06 10:00:00.25Z', taken_at_precision = 'day'"
            )
        )
    (tmp_path / "a.jpg").write_bytes(make_jpeg())
    environment = {**library_environment(settings), "MEDIACLUSTER_PRESET": "demo"}
    commands = (
        ["search", "a boat", "-k", "3"],
        ["search", "a boat", "--json", "--taken-from", "2015", "--location", "berg", "--not", str(ids[0])],
        [
            "search",
            "--image",
            str(tmp_path / "a.jpg"),
            "--order-by",
            "taken_newest",
            "--min-similarity",
            "-1",
            "--json",
        ],
        ["search", "a boat", "--order-by", "taken_oldest", "--min-similarity", "-1"],
        ["search", " "],
        ["search", "--image", __file__],
        ["search", "a boat", "-k", "900"],
        ["search", "--media", str(uuid.uuid4())],
    )
    alone = [run_command(*command, environment=environment, folder=tmp_path) for command in commands]
    with running(settings, vector_service_addresses(settings)[0]) as host:
        asking_it = environment | {"MEDIACLUSTER_VECTOR_SERVICE": "ask"}
        asked, answer = list[str](), host.server._answers.answer

        def answer_and_note(request: Request, body: bytes) -> Answer:
            asked.append(request.kind)
            return answer(request, body)

        monkeypatch.setattr(host.server._answers, "answer", answer_and_note)
        for command, own in zip(commands, alone, strict=True):
            theirs = run_command(*command, environment=asking_it, folder=tmp_path)
            assert (theirs.returncode, theirs.stdout, theirs.stderr) == (own.returncode, own.stdout, own.stderr), (
                command
            )
        assert asked == ["search"] * len(commands)
        others = run_command(*commands[0], environment=asking_it | {"MEDIACLUSTER_ALPHA": "0.3"}, folder=tmp_path)
        assert "alpha 0.3" in others.stdout
    assert alone[0].returncode == 0
    assert [run.returncode for run in alone[4:]] == [1, 1, 1, 1]


def test_encoders__while_the_service_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose service was never there uses its own at once. One whose service was there waits for it, but not for ever."""
    monkeypatch.setattr(host_encoders, "_RETURN_SECONDS", 0.3)
    monkeypatch.setattr(linking, "_RETRY_SECONDS", 0)
    asked: list[Space] = []

    def own(space: Space) -> Encoders:
        asked.append(space)
        raise EncoderUnavailable("these are no real ones")

    space = Space(image_fingerprint="i", text_fingerprint="t", image_dimension=8, text_dimension=8)
    link = ServiceLink(Address(path=tmp_path / "v.sock"))
    for expected in (False, True):
        link._answered_at = time.monotonic() if expected else -float("inf")
        begun = time.monotonic()
        with pytest.raises(EncoderUnavailable):
            encoders_by(link, own)(space).text.embed_texts(["a"])
        assert (time.monotonic() - begun > 0.3) == expected
    assert asked == [space, space]


def test_serve__leaves_vectors_and_encoders_to_the_service(
    settings: Settings, demo_space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that serves stays small, also after kill -9 of the service, and takes it along when it ends."""
    use_library(settings.model_copy(update={"vector_service": "start"}), monkeypatch)
    monkeypatch.setenv("MEDIACLUSTER_AUTHENTICATION", "none")
    port = free_port()
    log = settings.make_home() / "serve.log"
    path = vector_service_addresses(settings)[0].path
    assert path is not None
    command = [sys.executable, "-m", "backend.cli", "serve", "--port", str(port)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as serving_process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:

                def health() -> dict[str, Any]:
                    with suppress(httpx.TransportError):
                        answer: dict[str, Any] = client.get("/health/ready").json()
                        return answer
                    return {}

                wait_for(lambda: health().get("status") == "ok")
                assert health()["checks"]["vector service"] == "ok"
                (service,) = children_with("vectors", serving_process.pid)
                service.kill()
                service.wait()
                answer = client.get("/search", params={"q": "a boat"})
                assert (answer.status_code, answer.json()["hits"]) == (200, [])
                maps = Path(f"/proc/{serving_process.pid}/maps").read_text()
                assert "libtorch" not in maps
                assert psutil.Process(serving_process.pid).memory_info().rss < 250_000_000
        finally:
            serving_process.terminate()
    assert serving_process.returncode == 0, log.read_text()
    assert not path.exists()
    assert not any("backend.cli vectors" in " ".join(one) for one in commands_of(str(settings.home)))


def commands_of(home: str) -> Iterator[list[str]]:
    """Command lines of the processes whose environment names this home."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("MEDIACLUSTER_HOME") == home:
                yield process.cmdline()
