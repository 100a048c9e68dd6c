"""Who wants to hear of events."""

import base64
import secrets
from http import HTTPStatus
from uuid import UUID

import uuid_utils.compat
from fastapi import APIRouter

from backend.api.dependencies import ServicesDependency
from backend.api.problems import documented
from backend.api.schemas import NewWebhook, WebhookDetail, WebhookInput, WebhookList
from backend.db.webhooks import delete_webhook, insert_webhook, list_webhooks
from backend.pipeline.deliver import SECRET_PREFIX

router = APIRouter(tags=["webhooks"])

_SECRET_BYTES = 32


@router.post(
    "/webhooks",
    operation_id="create_webhook",
    summary="Tell an address of events",
    status_code=HTTPStatus.CREATED,
    responses=documented("malformed_request", "backend_unavailable"),
)
def create(services: ServicesDependency, body: WebhookInput) -> NewWebhook:
    """Each event is posted as JSON with the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` of the
    Standard Webhooks specification. The secret is shown this once."""
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    with services.database.transaction() as session:
        webhook = insert_webhook(session, uuid_utils.compat.uuid7(), str(body.url), secret, sorted(set(body.events)))
        return NewWebhook(**WebhookDetail.of(webhook).model_dump(), secret=secret)


@router.get(
    "/webhooks",
    operation_id="list_webhooks",
    summary="Addresses that are told of events",
    responses=documented("backend_unavailable"),
)
def list_all(services: ServicesDependency) -> WebhookList:
    with services.database.transaction() as session:
        return WebhookList(webhooks=[WebhookDetail.of(webhook) for webhook in list_webhooks(session)])


@router.delete(
    "/webhooks/{webhook_id}",
    operation_id="delete_webhook",
    summary="Tell an address no more",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented("malformed_request", "not_found", "backend_unavailable"),
)
def delete(services: ServicesDependency, webhook_id: UUID) -> None:
    with services.database.transaction() as session:
        delete_webhook(session, webhook_id)
