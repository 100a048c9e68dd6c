"""The SQL functions of the database: one file each, `NAME.sql`, and the file is what runs.

Every file is one `CREATE OR REPLACE FUNCTION` with its comment. Migrations apply them all at once, so a database at the
newest revision has exactly the functions of these files; a test compares `pg_get_functiondef` of both.

To change, add or remove a function:

1. Edit, add or delete its file.
2. Add a migration whose `upgrade` calls `apply_functions(op.execute)` and which holds the new digest of the files:

       FUNCTIONS = "..."  # what `python -m backend.store.functions` prints

   A test fails while the newest digest in the migrations is not that of the files, because databases that exist would keep
   the old function. Only before the first release, while nobody has a database to keep, may the digest of the first
   migration change instead.
3. `CREATE OR REPLACE` keeps the function's privileges, comment and everything that depends on it, but it can change neither
   the name, the parameters nor the type of the result. For these, and for a function that is gone, the migration says
   `DROP FUNCTION` first; a function that other programs call gets its grants again.
4. `publish_space` makes the view `media_embedding`, `create_space_indexes` the indexes of a space: what they made before
   stays as it is until the migration makes it again.

Migrations apply the files as they are today, also those that came later. So a function must not name a column or table of a
later migration where Postgres looks at once: in a signature, or in the body of a `RETURN` or `BEGIN ATOMIC` function.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import TextClause, text

_FOLDER = Path(__file__).parent


def function_source(name: str) -> str:
    """The text of `NAME.sql`."""
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def function_names() -> list[str]:
    """The names of all functions, in alphabetical order."""
    return sorted(path.stem for path in _FOLDER.glob("*.sql"))


def functions_digest() -> str:
    """A digest of all files, which the newest migration that applies them holds."""
    digest = hashlib.sha256()
    for name in function_names():
        digest.update(f"{name}\n{function_source(name)}\n".encode())
    return digest.hexdigest()[:16]


def apply_functions(execute: Callable[[TextClause], object]) -> None:
    """Create or replace every function. `execute` is `op.execute` of a migration, or that of a session."""
    # Loads pgvector's library: without it, its settings in the functions (`SET hnsw.…`) are unknown.
    execute(text("SELECT '[1]'::vector"))
    # A body may name a table or a column that a later migration adds; it is checked when the function first runs.
    execute(text("SET LOCAL check_function_bodies = off"))
    for name in function_names():
        execute(as_statement(function_source(name)))
    execute(text("SET LOCAL check_function_bodies = on"))


def as_statement(source: str) -> TextClause:
    """SQL from a file, as it stands: a colon does not begin a parameter."""
    return text(source.replace(":", r"\:"))
