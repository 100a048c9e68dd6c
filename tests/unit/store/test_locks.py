"""Advisory locks of Postgres are told apart by their numbers alone."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_lock_numbers__each_is_one_lock() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "backend").rglob("*.py"))
    numbers = Counter(re.findall("0x6D63_[0-9A-F]{4}", source))
    assert numbers
    assert [number for number, times in numbers.items() if times > 1] == []
