"""Celery workers: thin tasks around `backend.features.steps`. All state is in Postgres."""
