"""Where originals and thumbnails are stored."""
