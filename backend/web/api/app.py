"""The FastAPI application of the HTTP API, with its routes, error handlers and middleware."""

from importlib.metadata import version

from fastapi import FastAPI
from starlette.formparsers import MultiPartParser

from backend.features.services import Services
from backend.web.api import reference
from backend.web.api.openapi import install_openapi
from backend.web.api.routes import (
    clusters,
    curation,
    folders,
    health,
    judgements,
    media,
    metrics,
    review,
    search,
    uploads,
    webhooks,
    widget,
)
from backend.web.middleware.authentication import Authentication
from backend.web.middleware.body_limit import BodyLimit
from backend.web.middleware.hosts import Hosts
from backend.web.middleware.problems import install_problem_handlers
from backend.web.middleware.rate_limit import RateLimit
from backend.web.middleware.request_ids import RequestIds
from backend.web.middleware.request_metrics import RequestMetrics
from backend.web.middleware.turns import Turns
from backend.web.middleware.unexpected import AnswerUnexpected

# Larger files are spooled to disk while they arrive. Each write there costs a hop to a worker thread: for a photograph, which
# is read as a whole right after, a sixth of the time of the request.
_IN_MEMORY_BYTES = 8 * 1024 * 1024

_DESCRIPTION = (
    "\nUpload pictures with any text they have. Each picture is embedded by its looks and by "
    "its text, and joins the nearest group or starts a new one. Then ask for similar "
    "pictures: `combined = alpha * sim_image + (1 - alpha) * sim_text`. Every error is a "
    "Problem (RFC 9457) with a stable `code`.\n"
)


def create_app(services: Services) -> FastAPI:
    """Create the application. It uses these services but does not dispose of them."""
    # The framework's own pages load scripts from elsewhere.
    app = FastAPI(
        title="mediacluster",
        version=version("mediacluster"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    MultiPartParser.spool_max_size = _IN_MEMORY_BYTES
    app.state.services = services
    app.state.turns = Turns()
    app.state.metrics = metrics.make_registry(services.database, services.vectors)
    app.add_middleware(BodyLimit, max_bytes=services.settings.max_request_bytes)
    app.add_middleware(RateLimit, settings=services.settings)
    # The middleware added last runs first. Responses to unexpected errors need the CORS headers that later ones add.
    app.add_middleware(AnswerUnexpected)
    app.add_middleware(Authentication, services=services)
    app.add_middleware(Hosts, settings=services.settings)
    app.add_middleware(RequestMetrics, registry=app.state.metrics)
    app.add_middleware(RequestIds)
    install_problem_handlers(app)
    install_openapi(app)
    for module in (
        uploads,
        folders,
        media,
        search,
        clusters,
        curation,
        review,
        judgements,
        webhooks,
        widget,
        health,
        metrics,
        reference,
    ):
        app.include_router(module.router)
    return app
