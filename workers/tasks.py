"""The Celery tasks. Each does one step and rings for the next one. Their messages carry no data."""

from celery import shared_task

from backend.doorbell import Work
from backend.features.duplicates import compare_waiting
from backend.features.evaluation import audit_recall_within
from backend.features.naming import refresh_labels
from backend.features.review import refresh_queue
from backend.features.steps import deliver_due, embed_waiting, fetch_next, fill_batch, sweep
from workers import runtime

_LABEL_BUDGET_SECONDS = 20.0
# Long enough for a few batches, so that one is decoded while the model computes another. Short enough that a worker can be
# stopped between tasks, and that a worker of all queues soon assigns what it has embedded.
_EMBED_BUDGET_SECONDS = 4.0


@shared_task(name=Work.EMBED.value)
def embed() -> int:
    services = runtime.services()
    claimed = embed_waiting(
        services,
        runtime.space(),
        budget_seconds=_EMBED_BUDGET_SECONDS,
        on_recorded=lambda: services.doorbell.ring(Work.ASSIGN),
    )
    if claimed:
        services.doorbell.ring(Work.EMBED)  # there may be more
    return claimed


@shared_task(name=Work.FILL.value)
def fill() -> int:
    services = runtime.services()
    claimed = fill_batch(services)
    if claimed:
        # Pictures of the active space may have been waiting for these vectors.
        services.doorbell.ring(Work.ASSIGN)
        services.doorbell.ring(Work.FILL)
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


@shared_task(name=Work.LABEL.value)
def label() -> int:
    # Within a time budget, since uploads on the same worker wait for their groups.
    return refresh_labels(runtime.services(), budget_seconds=_LABEL_BUDGET_SECONDS).labels


@shared_task(name=Work.COMPARE.value)
def compare() -> int:
    return compare_waiting(runtime.services()).decided


@shared_task(name=Work.REVIEW.value)
def refresh_review() -> int:
    return refresh_queue(runtime.services())


@shared_task(name=Work.AUDIT.value)
def audit() -> float | None:
    return audit_recall_within(runtime.services().database).worst
