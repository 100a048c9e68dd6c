"""Celery workers: thin tasks around `backend.pipeline`. All state is in Postgres."""
