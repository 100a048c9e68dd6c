"""Bytes and addresses: pictures, metadata, text, storage, fetching. No database."""
