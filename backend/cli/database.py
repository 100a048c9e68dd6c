"""`mediacluster db`: database URL and migrations."""

import typer

from backend.cli.closing import closing
from backend.cli.console import console
from backend.cli.panels import Panel
from backend.settings import load_settings

commands = typer.Typer()
db_app = typer.Typer(help="Manage the database.", no_args_is_help=True)
commands.add_typer(db_app, name="db", rich_help_panel=Panel.SAFEKEEPING)


@db_app.command()
def url() -> None:
    """Print the libpq URL of the database. Starts the embedded server if needed."""
    from backend.bootstrap import resolve_database_url

    print(resolve_database_url(load_settings()))  # noqa: T201


@db_app.command()
def migrate(revision: str = "head") -> None:
    """Migrate the schema to the newest revision."""
    from backend.bootstrap import open_database
    from backend.store.migrate import upgrade

    database = closing(open_database(load_settings()))
    upgrade(database.direct.engine, revision)
    console.print("The schema is up to date.")
