"""`mediacluster login-link`: log in to the admin pages without a password."""

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.console import complain, say
from backend.cli.library import ACTOR, open_database
from backend.cli.panels import Panel
from backend.settings import Settings, load_settings

if TYPE_CHECKING:
    from backend.store.engine import Database

commands = typer.Typer()


@commands.command(name="login-link", rich_help_panel=Panel.ACCESS)
def login_link(
    name: Annotated[str | None, typer.Argument(help="Name of an account. Default: `owner`, an admin.")] = None,
    base: Annotated[
        str | None, typer.Option(help="Address of the server as seen by browsers, such as https://media.example.org.")
    ] = None,
) -> None:
    """Print a link that logs an account in. It works once, within 15 minutes."""
    settings = load_settings()
    with open_database(settings) as database:
        account, link = make_link(database, settings, name, base=base)
    say(link)
    complain(f"It logs '{account}' in, once, within 15 minutes.")


def make_link(
    database: "Database", settings: Settings, name: str | None, *, base: str | None = None
) -> tuple[str, str]:
    """Create a login link. Returns the name of the account and the address. Raises NotFound."""
    from backend.features.access import make_login_link

    account, secret = make_login_link(database, name, actor=ACTOR)
    host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
    return account, f"{(base or f'http://{host}:{settings.api_port}').rstrip('/')}/admin/login#link={secret}"
