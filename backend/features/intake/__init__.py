"""Intake of pictures: uploads, URLs and folders."""

from backend.features.intake.copies import join_folders, renew_words
from backend.features.intake.folder_import import (
    Completion,
    ImportItem,
    ImportReport,
    count_settled,
    folder_of,
    import_items,
    list_items,
    settle,
)
from backend.features.intake.intake import Accepted, accept_fetched, accept_picture, accept_url, store_picture
from backend.features.intake.readings import Given, Words, place_in, read_words
from backend.features.intake.uploads import JoinedCluster, SentFile, Upload, accept_files, accept_link, wait_for_groups

__all__ = [
    "Accepted",
    "Completion",
    "Given",
    "ImportItem",
    "ImportReport",
    "JoinedCluster",
    "SentFile",
    "Upload",
    "Words",
    "accept_fetched",
    "accept_files",
    "accept_link",
    "accept_picture",
    "accept_url",
    "count_settled",
    "folder_of",
    "import_items",
    "join_folders",
    "list_items",
    "place_in",
    "read_words",
    "renew_words",
    "settle",
    "store_picture",
    "wait_for_groups",
]
