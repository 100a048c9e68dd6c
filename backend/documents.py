"""JSON that somebody else wrote, parsed so that whatever is wrong with it is one kind of error."""

import json
from typing import Any


def read_json(raw: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is not valid, not in Unicode, or nested too deeply for the parser.
    """
    try:
        return json.loads(raw)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
