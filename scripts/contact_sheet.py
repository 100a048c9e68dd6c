"""Arrange the screenshots of the browser tests in sheets, to review all screens at a glance.

E2E_SCREENSHOTS=/tmp/shots .venv/bin/pytest tests/e2e
python scripts/contact_sheet.py /tmp/shots                # writes /tmp/shots/sheets/1440-dark-0.png and so on
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

# Width of a screenshot in a sheet, and number of columns, by width of the window.
FORMS = {"1440": (520, 3), "390": (260, 6)}
# Screenshots taller than this multiple of their width are cropped.
MOST_TALL = {"1440": 0.8, "390": 2.2}
A_SHEET = 18
_GAP, _CAPTION = 8, 16
_NAME = re.compile(r"-(?P<width>1440|390)-(?P<scheme>light|dark)$")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    kinds: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in sorted(folder.glob("*.png")):
        found = _NAME.search(path.stem)
        kinds[(found["width"], found["scheme"]) if found else ("1440", "light")].append(path)
    (folder / "sheets").mkdir(exist_ok=True)
    for (width, scheme), paths in kinds.items():
        for number, begin in enumerate(range(0, len(paths), A_SHEET)):
            target = folder / "sheets" / f"{width}-{scheme}-{number}.png"
            make_sheet(paths[begin : begin + A_SHEET], width).save(target)
            print(target)


def make_sheet(paths: Sequence[Path], window: str) -> Image.Image:
    """A sheet of screenshots in rows, with their names."""
    width, columns = FORMS[window]
    tiles = [(path.stem, _shrink(path, width, round(width * MOST_TALL[window]))) for path in paths]
    rows = [tiles[begin : begin + columns] for begin in range(0, len(tiles), columns)]
    heights = [max(tile.height for _name, tile in row) + _CAPTION + _GAP for row in rows]
    sheet = Image.new("RGB", (columns * (width + _GAP), sum(heights)), "#777")
    drawing = ImageDraw.Draw(sheet)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, (name, tile) in enumerate(row):
            left = column * (width + _GAP)
            drawing.text((left + 2, top + 2), name, fill="white")
            sheet.paste(tile, (left, top + _CAPTION))
        top += height
    return sheet


def _shrink(path: Path, width: int, most_height: int) -> Image.Image:
    picture = Image.open(path).convert("RGB")
    height = round(picture.height * width / picture.width)
    return picture.resize((width, height), Image.Resampling.LANCZOS).crop((0, 0, width, min(height, most_height)))


if __name__ == "__main__":
    main()
