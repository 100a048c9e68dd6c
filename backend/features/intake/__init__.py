"""Accept pictures: uploads, URLs, folders."""

from backend.features.intake.folder_import import ImportReport, count_settled, import_items, list_items, settle
from backend.features.intake.intake import Accepted, accept_fetched, accept_picture, accept_url, store_picture

__all__ = [
    "Accepted",
    "ImportReport",
    "accept_fetched",
    "accept_picture",
    "accept_url",
    "count_settled",
    "import_items",
    "list_items",
    "settle",
    "store_picture",
]
