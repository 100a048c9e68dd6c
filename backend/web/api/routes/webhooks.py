"""Routes that register, list and delete webhooks."""

import base64
import secrets
from contextlib import suppress
from http import HTTPStatus
from uuid import UUID

import uuid_utils.compat
from fastapi import APIRouter

from backend.errors import FetchFailed
from backend.features.services import Services
from backend.features.steps import SECRET_PREFIX, webhook_policy
from backend.files.outbound import check_url
from backend.store.access import Act, record_act
from backend.store.events import delete_webhook, insert_webhook, list_webhooks
from backend.web.api.dependencies import ActorDependency, ServicesDependency
from backend.web.api.schemas.schemas import NewWebhook, WebhookDetail, WebhookInput, WebhookList
from backend.web.middleware.problems import documented

router = APIRouter(tags=["webhooks"])

_SECRET_BYTES = 32


@router.post(
    "/webhooks",
    operation_id="create_webhook",
    summary="Create a webhook",
    status_code=HTTPStatus.CREATED,
    responses=documented("malformed_request", "url_forbidden", "backend_unavailable"),
)
def create(services: ServicesDependency, actor: ActorDependency, body: WebhookInput) -> NewWebhook:
    """Each event is posted as JSON with the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` of the
    Standard Webhooks specification. The secret is shown only once. The address is checked now and again before each delivery."""
    _require_allowed(services, str(body.url))
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    with services.database.transaction() as session:
        webhook = insert_webhook(session, uuid_utils.compat.uuid7(), str(body.url), secret, sorted(set(body.events)))
        record_act(session, actor, Act.WEBHOOK_CREATED, str(webhook.id), host=body.url.host, events=webhook.events)
        return NewWebhook(**WebhookDetail.of(webhook).model_dump(), secret=secret)


@router.get(
    "/webhooks",
    operation_id="list_webhooks",
    summary="List webhooks",
    responses=documented("backend_unavailable"),
)
def list_all(services: ServicesDependency) -> WebhookList:
    with services.database.transaction() as session:
        return WebhookList(webhooks=[WebhookDetail.of(webhook) for webhook in list_webhooks(session)])


@router.delete(
    "/webhooks/{webhook_id}",
    operation_id="delete_webhook",
    summary="Delete a webhook",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented("malformed_request", "not_found", "backend_unavailable"),
)
def delete(services: ServicesDependency, actor: ActorDependency, webhook_id: UUID) -> None:
    with services.database.transaction() as session:
        delete_webhook(session, webhook_id)
        record_act(session, actor, Act.WEBHOOK_DELETED, str(webhook_id))


def _require_allowed(services: Services, url: str) -> None:
    """Raise if the address is forbidden. A name that does not resolve now is accepted, because it may resolve later."""
    with suppress(FetchFailed):
        check_url(url, webhook_policy(services))
