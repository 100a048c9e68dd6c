"""Notifications and webhooks."""

from backend.store.events.events import Event, EventKind, record_events
from backend.store.events.webhooks import (
    DueDelivery,
    claim_deliveries,
    count_due_deliveries,
    delete_webhook,
    insert_webhook,
    list_webhooks,
    record_delivered,
    record_undelivered,
)

__all__ = [
    "DueDelivery",
    "Event",
    "EventKind",
    "claim_deliveries",
    "count_due_deliveries",
    "delete_webhook",
    "insert_webhook",
    "list_webhooks",
    "record_delivered",
    "record_events",
    "record_undelivered",
]
