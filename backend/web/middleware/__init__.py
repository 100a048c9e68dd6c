"""ASGI middleware and helpers for every request: limits, authentication, error responses, request ids."""
