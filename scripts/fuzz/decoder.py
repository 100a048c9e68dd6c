"""Coverage-guided mutation of the decode path, by atheris (optional: `pip install atheris`, Python 3.11 to 3.13).

python -m scripts.fuzz.corpus CORPUS                       # files of the zoo to begin with
python -m scripts.fuzz.decoder CORPUS -max_total_time=60   # libFuzzer's options; what leads further is added to CORPUS

In this very process, without the limits of the decoders: a crash, a hang or an exception that is not one of ours ends it.
"""

import sys

import atheris

with atheris.instrument_imports(include=["backend.files", "PIL"]):
    # Pillow imports these when the first picture comes, and what they do would lead nowhere.
    from PIL import GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

    from backend.files.decoding import inspect_picture
    from backend.files.metadata import read_metadata

from backend.errors import InputError
from backend.files.limits import Limits
from backend.settings import load_settings

_LIMITS = Limits.from_settings(load_settings(_env_file=None, max_pixels=1_000_000))


def decode(data: bytes) -> None:
    """What a decoder does at upload."""
    try:
        inspect_picture(data, _LIMITS)
        read_metadata(data, _LIMITS)
    except InputError:
        pass


def main() -> None:
    """Begin with the files of the corpus, then as coverage leads."""
    atheris.Setup(sys.argv, decode)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
