"""Requests to URLs that users chose, with protection against SSRF."""

from backend.files.outbound.fetch import Fetched, check_url, fetch_url
from backend.files.outbound.post import post_to

__all__ = ["Fetched", "check_url", "fetch_url", "post_to"]
