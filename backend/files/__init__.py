"""Files and URLs: picture formats, decoding, metadata, text, storage and fetching. No database."""
