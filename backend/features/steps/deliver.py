"""Delivery of webhooks, signed by the Standard Webhooks specification (HMAC-SHA256 over id, time and body)."""

import base64
import hashlib
import hmac
import json
import time

from backend.errors import FetchFailed, UrlForbidden
from backend.features.services import Services
from backend.files.limits import FetchPolicy
from backend.files.outbound import post_to
from backend.store.events import DueDelivery, claim_deliveries, record_delivered, record_undelivered

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix, not a secret
_BATCH = 20
_TIMEOUT_SECONDS = 10.0


def deliver_due(services: Services) -> int:
    """Try each due delivery once. Returns how many were tried."""
    with services.database.transaction() as session:
        # The lease is longer than all time-outs of the batch, so no other process tries these deliveries meanwhile.
        due = claim_deliveries(session, limit=_BATCH, lease_seconds=_BATCH * _TIMEOUT_SECONDS * 2)
    for delivery in due:
        error = _try(services, delivery)
        with services.database.transaction() as session:
            if error is None:
                record_delivered(session, delivery.id)
            else:
                record_undelivered(session, delivery, error)
    return len(due)


def webhook_policy(services: Services) -> FetchPolicy:
    """Allowed addresses of webhooks: any port, and private addresses only if the settings allow it."""
    return FetchPolicy(
        ports=None,
        allow_private=services.settings.webhook_allow_private,
        connect_seconds=_TIMEOUT_SECONDS,
        total_seconds=_TIMEOUT_SECONDS,
        max_redirects=0,
    )


def sign(secret: str, message_id: str, timestamp_seconds: int, body: bytes) -> str:
    """The value of `webhook-signature`: `v1,` and the base64 of HMAC-SHA256(secret, "id.timestamp.body")."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join([message_id.encode(), str(timestamp_seconds).encode(), body])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _try(services: Services, delivery: DueDelivery) -> str | None:
    """Send a delivery. Returns the error, None on success."""
    timestamp_seconds = int(time.time())
    content = {**delivery.body, "timestamp": delivery.created_at.isoformat()}
    body = json.dumps(content, separators=(",", ":")).encode()
    message_id = str(delivery.id)
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_seconds),
        "webhook-signature": sign(delivery.secret, message_id, timestamp_seconds, body),
    }
    try:
        status = post_to(delivery.url, body, headers, webhook_policy(services))
    except (UrlForbidden, FetchFailed) as error:
        return f"{error.code}: {error.detail}"
    return None if 200 <= status < 300 else f"HTTP {status}"
