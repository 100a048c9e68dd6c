"""JSON that somebody else wrote, parsed so that whatever is wrong with it is one kind of error."""

import json
from typing import Any


def read_json(raw: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is not valid, not in Unicode, nested too deeply for the parser, or has a number with thousands of digits.
    """
    try:
        return json.loads(raw)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        if "int_max_str_digits" in str(error):  # Python's advice is for programs
            raise ValueError("a number has too many digits") from None
        raise
