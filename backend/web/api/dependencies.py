"""FastAPI dependencies and parameter types that the routes share."""

from typing import Annotated

from fastapi import Depends, Query, Request

from backend.bounds import PAGE
from backend.features.services import Services


def get_services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


def get_actor(request: Request) -> str:
    """The actor that the journal records. Authentication sets `request.state.actor`."""
    return str(getattr(request.state, "actor", "api"))


ServicesDependency = Annotated[Services, Depends(get_services)]
ActorDependency = Annotated[str, Depends(get_actor)]
PageLimit = Annotated[int, Query(ge=PAGE.low, le=PAGE.high, description="Rows per page.")]
Cursor = Annotated[str | None, Query(description="`next_cursor` from the previous page.")]
