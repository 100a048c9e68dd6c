"""Faults. Each breaks something that this run has started. The fleet starts processes and servers again."""

import os
import random
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress

import psutil
import psycopg
import redis

from backend.embedded import client_url, status_postgres, status_redis
from scripts.chaos.fleet import Fleet, Member, children_of, kill_group, signal_group, wait_until

_REDIS_RESTARTS = 3

Fault = Callable[[Fleet, random.Random], str]


def kill_worker_child(fleet: Fleet, chance: random.Random) -> str:
    """SIGKILL for a process of an embedding worker's pool, or for one of its decoders."""
    member = chance.choice(fleet.named("embed"))
    children = children_of(member.process)
    if not children:
        return f"{member.name} had no child"
    victim = chance.choice(children)
    with suppress(psutil.NoSuchProcess):
        victim.kill()
    return f"{member.name}, child {victim.pid}"


def kill_worker(fleet: Fleet, chance: random.Random) -> str:
    """SIGKILL for a whole worker."""
    return _kill(chance.choice(fleet.named("embed", "light")))


def kill_clock(fleet: Fleet, chance: random.Random) -> str:
    """SIGKILL for beat."""
    return _kill(chance.choice(fleet.named("beat")))


def kill_api(fleet: Fleet, chance: random.Random) -> str:
    """SIGKILL for an API process during uploads."""
    return _kill(chance.choice(fleet.named("api")))


def kill_vectors(fleet: Fleet, chance: random.Random) -> str:
    """SIGKILL for the vector service, and a search at each API before it is back."""
    killed = _kill(chance.choice(fleet.named("vectors")))
    statuses = fleet.search()
    if statuses != [200] * len(statuses):
        raise RuntimeError(f"searches without the vector service were answered {statuses}")
    return f"{killed}, and {len(statuses)} searches"


def stop_past_lease(fleet: Fleet, chance: random.Random) -> str:
    """SIGSTOP a worker until its leases have expired, then SIGCONT. It then believes that it still holds its rows."""
    member = chance.choice(fleet.named("embed", "light"))
    seconds = 2.5 * float(fleet.settings["MEDIACLUSTER_LEASE_SECONDS"])
    process = member.process
    signal_group(process, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        signal_group(process, signal.SIGCONT)
    return f"{member.name} for {seconds:.0f} s"


def flush_broker(fleet: Fleet, chance: random.Random) -> str:  # noqa: ARG001 - one of the faults
    """FLUSHALL: all messages are lost, including those being processed."""
    with redis.Redis.from_url(client_url(fleet.redis_url)) as client:
        client.flushall()
    return "all messages"


def restart_broker(fleet: Fleet, chance: random.Random) -> str:
    """Kill -9 Redis several times in a row, with pauses in which clients start to reconnect."""
    for _ in range(_REDIS_RESTARTS):
        _kill_server(status_redis(fleet.home).pid)
        fleet.wait_for_servers()
        time.sleep(chance.uniform(0.0, 1.0))
    return f"{_REDIS_RESTARTS} times"


def terminate_connections(fleet: Fleet, chance: random.Random) -> str:  # noqa: ARG001 - one of the faults
    """Call pg_terminate_backend on every other connection."""
    with psycopg.connect(fleet.database_url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    return f"{ended[0] if ended else 0} connections"


def crash_database(fleet: Fleet, chance: random.Random) -> str:  # noqa: ARG001 - one of the faults
    """Immediate shutdown, which loses everything not in the write-ahead log, then recovery."""
    server = status_postgres(fleet.home).pid
    if server is None:
        return "it did not run"
    os.kill(server, signal.SIGQUIT)
    begun = time.monotonic()
    wait_until(lambda: status_postgres(fleet.home).pid != server, 30)
    fleet.wait_for_servers()
    return f"away for {time.monotonic() - begun:.1f} s"


def replace_one_by_one(fleet: Fleet, chance: random.Random) -> str:  # noqa: ARG001 - one of the faults
    """Rolling restart: end each API and worker by SIGTERM and start it again, one at a time."""
    slowest = max(fleet.replace(member) for member in fleet.named("api", "embed", "light", "beat"))
    return f"the slowest took {slowest:.1f} s to end"


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        kill_worker_child,
        kill_worker,
        kill_clock,
        kill_api,
        kill_vectors,
        stop_past_lease,
        flush_broker,
        restart_broker,
        terminate_connections,
        crash_database,
        replace_one_by_one,
    )
}


def make_schedule(seed: int, count: int, kinds: Collection[str] = tuple(FAULTS)) -> list[str]:
    """A seeded order of `count` faults of these kinds. Each kind occurs before any is repeated."""
    chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    schedule: list[str] = []
    while len(schedule) < count:
        schedule += chance.sample(sorted(kinds), len(kinds))
    return schedule[:count]


def _kill(member: Member) -> str:
    kill_group(member.process)
    return member.name


def _kill_server(pid: int | None) -> None:
    if pid is None:
        return
    with suppress(psutil.NoSuchProcess):
        server = psutil.Process(pid)
        server.kill()
        server.wait(10)
