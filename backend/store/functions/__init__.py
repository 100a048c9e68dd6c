"""The SQL functions of the database, one file per function: `NAME.sql`, which is executed as it is.

Each file is one `CREATE OR REPLACE FUNCTION` with its comment. A migration applies all files at once, so a database at the newest
revision has exactly these functions. A test compares them with `pg_get_functiondef`.

Callers may have any search path: Postgres itself runs the functions of a materialized view with none. So a function whose body names
things has `SET search_path FROM CURRENT`: it takes over the path of the migration, which has the schema of the library and that of
pgvector. If pgvector is moved afterwards, `mediacluster db migrate` applies the functions again. `search_policy`, `folded`, `folded_keywords`,
`folded_trigrams` and `has_filters` need no path, and a setting would keep Postgres from putting them into the calling query. Indexes stand on `folded_keywords` and
`folded_trigrams`: a migration that changes the rule of `folded` has to rebuild `media_keywords_idx` and `media_location_idx`.

To change, add or remove a function:

1. Edit, add or delete its file.
2. Add a migration whose `upgrade` calls `apply_functions(op.execute)` and which contains the new digest of the files:

       FUNCTIONS = "..."  # what `python -m backend.store.functions` prints

   A test fails if the newest digest in the migrations is not that of the files, because existing databases would keep the old
   function. Only before the first release, while no database has to be kept, may the digest in the first migration change instead.
3. `CREATE OR REPLACE` keeps the function's privileges, comment and dependents, but cannot change its name, parameters or result
   type. For such a change, or to remove a function, the migration runs `DROP FUNCTION` first. If other programs call the function,
   grant their privileges again.
4. `publish_space` creates the view `media_embedding`, `create_space_indexes` the indexes of a space. What they created before
   stays unchanged until the migration creates it again.

Migrations apply the current files, including later changes. So a function must not refer to a column or table of a later migration
where Postgres resolves it at once: in a signature, or in the body of a `RETURN` or `BEGIN ATOMIC` function.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import TextClause, text

from backend.store.session_settings import FIND_SEARCH_PATH

_FOLDER = Path(__file__).parent


def function_source(name: str) -> str:
    """The text of `NAME.sql`."""
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def function_names() -> list[str]:
    """Names of all functions, in alphabetical order."""
    return sorted(path.stem for path in _FOLDER.glob("*.sql"))


def functions_digest() -> str:
    """Digest of all files. The newest migration that applies them contains it."""
    digest = hashlib.sha256()
    for name in function_names():
        digest.update(f"{name}\n{function_source(name)}\n".encode())
    return digest.hexdigest()[:16]


def apply_functions(execute: Callable[[TextClause], object]) -> None:
    """Create or replace all functions. `execute` is `op.execute` of a migration, or a session's."""
    # Where pgvector is, whatever this connection knew before the migration created it.
    execute(text(f"SELECT set_config('search_path', ({FIND_SEARCH_PATH}), true)"))
    # A body may refer to a table or column of a later migration. It is checked on the first call.
    execute(text("SET LOCAL check_function_bodies = off"))
    for name in function_names():
        execute(as_statement(function_source(name)))
    execute(text("SET LOCAL check_function_bodies = on"))


def as_statement(source: str) -> TextClause:
    """Use SQL as it is: a colon does not start a parameter."""
    return text(source.replace(":", r"\:"))
