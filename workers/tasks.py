"""The tasks. Each does one step and rings for what follows; the messages carry nothing."""

from celery import shared_task

from backend.doorbell import Work
from backend.pipeline.deliver import deliver_due
from backend.pipeline.embed import embed_batch
from backend.pipeline.fetch import fetch_next
from backend.pipeline.sweep import sweep
from workers import runtime


@shared_task(name=Work.EMBED.value)
def embed() -> int:
    services = runtime.services()
    claimed = embed_batch(services, runtime.space())
    if claimed:
        services.doorbell.ring(Work.ASSIGN)
        # There may be more; a batch per message keeps tasks short, so that a worker can be stopped between them.
        services.doorbell.ring(Work.EMBED)
    return claimed


@shared_task(name=Work.ASSIGN.value)
def assign() -> int:
    assigned = runtime.assigner().assign_waiting()
    if assigned:
        runtime.services().doorbell.ring(Work.DELIVER)
    return assigned


@shared_task(name=Work.FETCH.value)
def fetch() -> int:
    claimed = fetch_next(runtime.services())
    if claimed:
        runtime.services().doorbell.ring(Work.FETCH)
    return claimed


@shared_task(name=Work.DELIVER.value)
def deliver() -> int:
    return deliver_due(runtime.services())


@shared_task(name=Work.SWEEP.value)
def sweep_waiting() -> None:
    sweep(runtime.services())
