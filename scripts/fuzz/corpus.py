"""Write malformed files into a folder, as the initial corpus of `python -m scripts.fuzz.decoder FOLDER`.

python -m scripts.fuzz.corpus FOLDER
python -m scripts.fuzz.corpus FOLDER --files 5200 --seed 7
"""

import argparse
import hashlib
import sys
from pathlib import Path

from scripts.fuzz.zoo import make_zoo

# Larger files slow a fuzzer down without teaching it more.
_MOST_BYTES = 20_000


def write_corpus(folder: Path, seed: int, count: int) -> int:
    """Write each distinct small specimen under the checksum of its bytes. Returns their number."""
    folder.mkdir(parents=True, exist_ok=True)
    written = set()
    for specimen in make_zoo(seed, count):
        if len(specimen.data) <= _MOST_BYTES:
            name = hashlib.sha256(specimen.data).hexdigest()
            (folder / name).write_bytes(specimen.data)
            written.add(name)
    return len(written)


def main() -> int:
    """Write the corpus and print its size."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.fuzz.corpus", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=2600)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(f"{write_corpus(arguments.folder, arguments.seed, arguments.files)} files in {arguments.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
