"""`mediacluster account`: accounts of the admin pages."""

import getpass
import sys
from typing import Annotated, Literal

import typer

from backend.cli.console import Table, output, print_json, say
from backend.cli.library import ACTOR, open_database
from backend.cli.options import Json
from backend.cli.panels import Panel
from backend.errors import InputError
from backend.settings import load_settings

commands = typer.Typer()
account_app = typer.Typer(help="Manage accounts of the admin pages.", no_args_is_help=True)
commands.add_typer(account_app, name="account", rich_help_panel=Panel.ACCESS)

FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
]
Name = Annotated[str, typer.Argument(help="Name of the account.")]


@account_app.command()
def create(
    name: Name,
    role: Annotated[
        Literal["admin", "curator"],
        typer.Option(help="curator: groups and pictures; admin: also locations and operation."),
    ] = "curator",
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Allow login by link only, without a password.")
    ] = False,
    password_stdin: FromStdin = False,
    as_json: Json = False,
) -> None:
    """Create an account."""
    from backend.features.access import create_account

    password = None if no_password else _ask_password(from_stdin=password_stdin)
    with open_database() as database:
        described = create_account(database, name, role, password, actor=ACTOR)
    if as_json:
        print_json(described)
    else:
        say(f"created account '{described['name']}', role {role}")


@account_app.command(name="list")
def list_(as_json: Json = False) -> None:
    """List all accounts."""
    from backend.features.access import read_accounts

    with open_database() as database:
        accounts = read_accounts(database)
    if as_json:
        print_json({"accounts": accounts})
        return
    table = Table("name", "role", "password", "created", "last login")
    for one in accounts:
        last = f"{one['last_login_at']:%Y-%m-%d %H:%M}" if one["last_login_at"] else ""
        has = "yes" if one["has_password"] else "by link only"
        table.add_row(one["name"], one["role"], has, f"{one['created_at']:%Y-%m-%d %H:%M}", last)
    output.print(table)


@account_app.command()
def password(name: Name, password_stdin: FromStdin = False) -> None:
    """Set a new password. Ends all sessions of the account."""
    from backend.features.access import set_password

    given = _ask_password(from_stdin=password_stdin)
    with open_database() as database:
        ended = set_password(database, name, given, actor=ACTOR)
    say(f"changed the password of '{name}' and ended {ended} sessions")


@account_app.command()
def remove(name: Name) -> None:
    """Remove an account with its sessions and links. Its changes stay in the history under its name."""
    from backend.features.access import remove_account

    with open_database() as database:
        remove_account(database, name, actor=ACTOR)
    say(f"removed account '{name}'")


@account_app.command()
def sessions(
    revoke: Annotated[int | None, typer.Option(help="End the session with this id.")] = None, as_json: Json = False
) -> None:
    """List sessions, or end one."""
    from dataclasses import asdict

    from backend.features.access import revoke_session
    from backend.store.access import list_sessions

    settings = load_settings()
    with open_database(settings) as database:
        if revoke is not None:
            say(f"ended session {revoke} of '{revoke_session(database, revoke, actor=ACTOR)}'")
            return
        with database.transaction() as session:
            rows = list_sessions(session, idle_seconds=settings.session_idle_seconds)
    if as_json:
        print_json({"sessions": [asdict(row) for row in rows]})
        return
    table = Table("id", "account", "since", "last seen", "address", "browser")
    for row in rows:
        since, seen = (f"{moment:%Y-%m-%d %H:%M}" for moment in (row.created_at, row.last_seen_at))
        table.add_row(str(row.id), row.name, since, seen, row.address, row.user_agent)
    output.print(table)


def _ask_password(*, from_stdin: bool) -> str:
    """Ask for a password, or read it from standard input. It is never an argument, because every user of the machine can see those."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InputError(
            "The password cannot be asked for: this is not a terminal.", hint="Pipe it in with --password-stdin."
        )
    first = getpass.getpass("Password: ")
    if getpass.getpass("Repeat password: ") != first:
        raise InputError("The two passwords do not match.", hint="Try again.")
    return first
