"""Intake of pictures: uploads, URLs and folders."""

from backend.features.intake.folder_import import (
    ImportReport,
    count_settled,
    folder_of,
    import_items,
    list_items,
    settle,
)
from backend.features.intake.intake import Accepted, accept_fetched, accept_picture, accept_url, store_picture
from backend.features.intake.uploads import JoinedCluster, SentFile, Upload, accept_files, accept_link, wait_for_groups

__all__ = [
    "Accepted",
    "ImportReport",
    "JoinedCluster",
    "SentFile",
    "Upload",
    "accept_fetched",
    "accept_files",
    "accept_link",
    "accept_picture",
    "accept_url",
    "count_settled",
    "folder_of",
    "import_items",
    "list_items",
    "settle",
    "store_picture",
    "wait_for_groups",
]
