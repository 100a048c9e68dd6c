"""Text recognition in pictures with Tesseract (extra `ocr`)."""

import logging
from collections.abc import Iterable
from typing import Final

from PIL import Image

from backend.errors import ConfigurationError
from backend.files.text import clean_text

_log = logging.getLogger(__name__)

# In percent, as Tesseract reports it. Below this, most words are artefacts of leaves and bricks.
_LEAST_CONFIDENCE_PERCENT: Final = 60.0
_TIMEOUT_SECONDS: Final = 30
_HINT: Final = "Run pip install 'mediacluster[ocr]' and install tesseract-ocr, or unset MEDIACLUSTER_ENABLE_OCR."


def read_words(image: Image.Image) -> str:
    """Return the words that Tesseract is confident of, in reading order; '' if it finds none or fails.

    Raises:
        ConfigurationError: the package or the program is missing.

    """
    try:
        import pytesseract
    except ImportError:
        raise ConfigurationError(
            "Reading text in pictures needs the package pytesseract, which is missing.", hint=_HINT
        ) from None
    try:
        found = pytesseract.image_to_data(image, output_type=pytesseract.Output.DICT, timeout=_TIMEOUT_SECONDS)
    except pytesseract.TesseractNotFoundError:
        raise ConfigurationError("The program tesseract is missing.", hint=_HINT) from None
    except (pytesseract.TesseractError, RuntimeError) as error:  # RuntimeError is its timeout
        _log.warning("Tesseract failed on a picture (%s); it continues without text.", error)
        return ""
    return clean_text(" ".join(_sure_words(found["text"], found["conf"])))


def _sure_words(words: Iterable[str], confidences: Iterable[float | str]) -> Iterable[str]:
    # A word of punctuation alone is usually a speck or a line.
    for word, confidence in zip(words, confidences, strict=True):
        if float(confidence) >= _LEAST_CONFIDENCE_PERCENT and any(map(str.isalnum, word)):
            yield word
