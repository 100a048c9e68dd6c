"""The SQL functions: what runs is what the files say, and a file that changes comes with a migration."""

import re
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from backend.store import functions
from backend.store.engine import Database
from backend.store.functions import apply_functions, as_statement, function_names, function_source, functions_digest
from backend.store.migrate import migrations_folder, upgrade
from backend.store.search import SEARCH_POLICY

_OURS = """
SELECT pg_proc.oid::regprocedure::text, pg_get_functiondef(pg_proc.oid) || coalesce(obj_description(pg_proc.oid), '')
  FROM pg_proc
 WHERE pronamespace = 'public'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
"""


def read_functions(connection: sa.Connection) -> dict[str, str]:
    """Signature and definition, with the comment, of every function of the schema that is not an extension's."""
    return dict(connection.execute(sa.text(_OURS)).all())


def test_files__are_what_a_migrated_database_runs(database: Database) -> None:
    with database.engine.connect() as connection:
        migrated = read_functions(connection)
        for signature in migrated:
            connection.execute(sa.text(f"DROP FUNCTION IF EXISTS {signature} CASCADE"))
        assert read_functions(connection) == {}
        apply_functions(connection.execute)
        in_files = read_functions(connection)
        connection.rollback()
    assert sorted(migrated) == sorted(in_files)
    assert migrated == in_files
    assert [signature.partition("(")[0] for signature in sorted(in_files)] == function_names()


def test_files__can_be_compiled(database: Database) -> None:
    """Migrations do not look into the bodies, which may name what comes later."""
    with database.engine.connect() as connection:
        connection.execute(sa.text("SELECT '[1]'::vector"))
        for name in function_names():
            connection.execute(as_statement(function_source(name)))
        connection.rollback()


def test_files__a_change_comes_with_a_migration() -> None:
    """Else new databases have the changed function, and those that exist keep the old one."""
    scripts = ScriptDirectory(str(migrations_folder())).walk_revisions()
    newest = next(script for script in scripts if hasattr(script.module, "FUNCTIONS"))
    assert functions_digest() == newest.module.FUNCTIONS, (
        "The files of the SQL functions are not those that the newest migration applied. Add a migration that calls "
        f'apply_functions(op.execute) and says FUNCTIONS = "{functions_digest()}"; see backend/store/functions/__init__.py.'
    )
    assert re.search(
        r"def upgrade\(\).*?apply_functions\(op\.execute\).*?def downgrade", Path(newest.path).read_text(), re.DOTALL
    )


@pytest.mark.usefixtures("next_revision")
def test_files__a_changed_file_and_a_migration_change_what_runs(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function keeps its grants, and what depends on it."""
    with database.engine.begin() as connection:
        before = read_functions(connection)
        connection.execute(sa.text("REVOKE EXECUTE ON FUNCTION folded_keywords FROM PUBLIC"))
    folder = tmp_path / "functions"
    shutil.copytree(Path(functions.__file__).parent, folder)
    file = folder / "folded_keywords.sql"
    file.write_text(file.read_text().replace("folded(keyword)", "folded(trim(keyword))"))
    monkeypatch.setattr(functions, "_FOLDER", folder)

    upgrade(database.engine)

    with database.engine.begin() as connection:
        after = read_functions(connection)
        grants = connection.execute(sa.text("SELECT proacl::text FROM pg_proc WHERE proname = 'folded_keywords'"))
        indexed = connection.execute(sa.text("SELECT to_regclass('media_keywords_idx')")).scalar_one()
        assert not re.search(r"[{,]=X/", grants.scalar_one())
    assert indexed == "media_keywords_idx"
    changed = {signature for signature in before if after.get(signature) != before[signature]}
    assert changed == {"folded_keywords(text[])"}
    assert "TRIM" in after["folded_keywords(text[])"].upper()


def test_search_policy__the_same_for_python_and_sql(database: Database) -> None:
    with database.engine.connect() as connection:
        row = connection.execute(sa.text("SELECT * FROM search_policy()")).mappings().one()
    assert dict(row) == asdict(SEARCH_POLICY)


def test_search_policy__its_numbers_stand_in_no_other_function() -> None:
    """A number of more than one digit in a search function is a second copy, unless it is a default of a parameter."""
    beside = {name: function_source(name) for name in function_names() if name.startswith(("search_media", "check_"))}
    for name, source in beside.items():
        body = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", source.partition("AS $$")[2])
        assert re.findall(r"\b(?:\d*\.\d+|\d{2,})\b", body) == [], name
