"""The whole web application: the HTTP API and the admin pages."""

from fastapi import FastAPI

from backend.admin.app import install_admin
from backend.api.app import create_app
from backend.services import Services


def create_web_app(services: Services) -> FastAPI:
    """The application that `mediacluster serve` runs; whoever made the services disposes of them."""
    app = create_app(services)
    install_admin(app)
    return app
