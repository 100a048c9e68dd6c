"""What to do about an upload that failed, by its code. Where an error has a hint of its own, that one is shown."""

ADVICE = {
    "file_too_large": "Save it smaller, or raise MEDIACLUSTER_MAX_BODY_BYTES.",
    "file_unreadable": "Add it again: it was moved or changed after it was chosen.",
    "unsupported_format": "Convert it to JPEG, PNG, WebP or GIF.",
    "image_corrupt": "Open it in a picture editor; if it still opens there, save it anew.",
    "image_truncated": "Copy it again from where it came: its end is missing.",
    "too_many_pixels": "Save it with fewer pixels, or raise MEDIACLUSTER_MAX_PIXELS.",
    "metadata_too_large": "Save it without its metadata.",
    "decode_crash": "Open it in a picture editor and save it anew.",
    "invalid_text": "Shorten the words that go with it.",
    "malformed_request": "Reload the page, then add it again.",
    "url_forbidden": "Give a public http or https address of the picture itself.",
    "fetch_failed": "Open the address in a browser: it must be the picture itself, without a login.",
    "fetch_timeout": "Try again later, or download it and upload the file.",
    "fetch_too_large": "Give the address of a smaller version.",
    "quarantined": "Open it in a picture editor and save it anew; the copy is a new file.",
    "original_missing": "Add it again; the storage has lost it.",
    "storage_full": "Make room on the server, then try again.",
    "backend_unavailable": "Wait until the server answers again, then try again.",
    "unreachable": "See whether the server runs and the network is there, then try again.",
    "stopped": "Try again sends it.",
    "unauthorized": "Log in again, then add them again: what has arrived is not sent twice.",
    "csrf_failed": "Reload the page, then add them again: what has arrived is not sent twice.",
    "not_found": "Add it again if it was deleted by mistake.",
    "internal_error": "Try again; the log of the server says more.",
}
"""By code; `unreachable` and `stopped` are the page's own."""
