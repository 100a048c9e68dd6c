"""Coverage-guided fuzzing of the decoder with atheris (optional: `pip install atheris`, Python 3.11 to 3.13).

python -m scripts.fuzz.corpus CORPUS                       # initial corpus
python -m scripts.fuzz.decoder CORPUS -max_total_time=60   # libFuzzer's options; inputs with new coverage are added to CORPUS

Runs in this process, without the limits of the decoders. A crash, a hang or an exception that is not ours ends it.
"""

import sys

import atheris

with atheris.instrument_imports(include=["backend.files", "PIL"]):
    # Pillow imports these for the first picture, and covering that would be useless.
    from PIL import GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

    from backend.files.decoding import inspect_picture
    from backend.files.metadata import read_metadata

from backend.errors import InputError
from backend.files.limits import Limits
from backend.settings import load_settings

_LIMITS = Limits.from_settings(load_settings(_env_file=None, max_pixels=1_000_000))


def decode(data: bytes) -> None:
    """Decode like at an upload."""
    try:
        inspect_picture(data, _LIMITS)
        read_metadata(data, _LIMITS)
    except InputError:
        pass


def main() -> None:
    """Start with the files of the corpus, then follow coverage."""
    atheris.Setup(sys.argv, decode)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
