"""The OpenAPI document, corrected to match what the server returns."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from backend.web.middleware.problems import MEDIA_TYPE, documented
from backend.web.middleware.rate_limit import limited_routes
from backend.web.middleware.scopes import scope_of_operation

_FRAMEWORK_SCHEMAS = {"HTTPValidationError", "ValidationError"}


def install_openapi(app: FastAPI) -> None:
    """Add the security schemes, and replace the framework's 422 by the Problem `malformed_request`, which the server sends for
    invalid requests."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            limited = {(path, method.lower()) for method, path, _kind in limited_routes(app.routes)}
            document = _without_framework_problems(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    description=app.description,
                    routes=app.routes,
                    tags=app.openapi_tags,
                )
            )
            app.openapi_schema = _with_keys(document, limited)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _without_framework_problems(document: dict[str, Any]) -> dict[str, Any]:
    for operations in document["paths"].values():
        for operation in operations.values():
            if "HTTPValidationError" in str(operation["responses"].get("422", "")):
                del operation["responses"]["422"]
    for name in _FRAMEWORK_SCHEMAS:
        document["components"]["schemas"].pop(name, None)
    return document


def _with_keys(document: dict[str, Any], limited: set[tuple[str, str]]) -> dict[str, Any]:
    document["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`mc_...`) with the named scope or a higher one.",
        }
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            scope = scope_of_operation(operation["operationId"])
            if scope is not None:
                operation["security"] = [{"key": [scope.value]}]
                for status, entry in documented("unauthorized", "forbidden").items():
                    operation["responses"].setdefault(str(status), _problem(entry["description"]))
            if (path, method) in limited:
                (status, entry), *_ = documented("rate_limited").items()
                operation["responses"].setdefault(str(status), _problem(entry["description"]))
    return document


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
