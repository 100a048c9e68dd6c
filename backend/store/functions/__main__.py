"""Print the digest of the SQL functions, for the migration that applies a change."""

import sys

from backend.store.functions import functions_digest

sys.stdout.write(f"{functions_digest()}\n")
