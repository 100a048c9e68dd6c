"""The admin pages, as an application mounted in that of the API."""

from fastapi import FastAPI

from backend.features.access import Sessions
from backend.features.services import Services
from backend.web.pages.guard import Guard
from backend.web.pages.problems import install_error_pages
from backend.web.pages.routes import (
    account,
    cluster,
    clusters,
    curation,
    found,
    judgements,
    login,
    media,
    model,
    operations,
    pictures,
    quality,
    quality_judgements,
    quality_labels,
    quality_map,
    review,
    review_decisions,
    search,
    upload,
)
from backend.web.pages.signing_in import SignIn
from backend.web.pages.static_files import make_static_files, static_path
from backend.web.pages.streams import Listeners


def install_admin(app: FastAPI) -> None:
    """Mount the pages at /admin. They are a sub-application because errors are pages there and Problems in the API."""
    services = app.state.services
    assert isinstance(services, Services)
    admin = FastAPI(title="mediacluster admin", openapi_url=None, docs_url=None, redoc_url=None)
    admin.state.services = services
    admin.state.turns = app.state.turns
    admin.state.ending = app.state.ending
    admin.state.listeners = Listeners()
    admin.state.sessions = Sessions(services.database, idle_seconds=services.settings.session_idle_seconds)
    admin.add_middleware(SignIn, services=services, sessions=admin.state.sessions)
    admin.add_middleware(Guard)
    install_error_pages(admin)
    # Routes with fixed paths come before those with an id in the path.
    for module in (
        *(found, clusters, cluster, curation, media, search, upload, review, review_decisions),
        *(
            quality,
            quality_judgements,
            quality_labels,
            quality_map,
            model,
            operations,
            pictures,
            judgements,
            login,
            account,
        ),
    ):
        admin.include_router(module.router)
    admin.mount(static_path(), make_static_files(), name="static")
    app.mount("/admin", admin)
