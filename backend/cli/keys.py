"""`mediacluster key`: API keys."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from backend.cli.console import Table, complain, output, print_json, say
from backend.cli.library import ACTOR, open_database
from backend.cli.options import Json
from backend.cli.panels import Panel
from backend.errors import InputError

if TYPE_CHECKING:
    from backend.store.engine import Database
    from backend.store.schema import ApiKey

commands = typer.Typer()
key_app = typer.Typer(help="Manage API keys.", no_args_is_help=True)
commands.add_typer(key_app, name="key", rich_help_panel=Panel.ACCESS)


_MOST_CHARACTERS = 100
_MOMENTS = ("created_at", "last_used_at", "revoked_at")


@key_app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the person or program that uses the key.")],
    scope: Annotated[
        Literal["read", "upload", "curate", "admin"],
        typer.Option(help="What the key may do. Each scope includes the ones before it."),
    ],
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Web origin that may use it, such as https://blog.example. Repeat for several."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a key. It is shown only once."""
    with open_database() as database:
        described, token = create_key(database, name, scope, origin or [])
    if as_json:
        print_json({**described, "key": token})
        return
    say(token)
    complain(f"This is key {described['id']}, '{described['name']}', scope {scope}. It is not shown again.")


@key_app.command(name="list")
def list_(as_json: Json = False) -> None:
    """List all keys, without their secrets."""
    with open_database() as database:
        keys = read_keys(database)
    if as_json:
        print_json({"keys": keys})
    else:
        print_keys(keys)


@key_app.command()
def revoke(
    key_id: Annotated[int, typer.Argument(help="Id of the key, as listed by `key list`.")],
    as_json: Json = False,
) -> None:
    """Revoke a key immediately and permanently."""
    with open_database() as database:
        described = revoke_key(database, key_id)
    if as_json:
        print_json(described)
    else:
        say(f"revoked key {key_id}, '{described['name']}'")


def create_key(database: "Database", name: str, scope: str, origins: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Create a key. Returns its stored fields and the secret, which cannot be read again.

    Raises:
        InputError: the name is empty or too long, or an origin is invalid.
    """
    from backend.store.access import Act, Scope, insert_api_key, record_act
    from backend.web.middleware.tokens import hash_token, make_token, normal_origin

    name = name.strip()
    if not name or len(name) > _MOST_CHARACTERS or not name.isprintable():
        raise InputError(
            f"The name of a key must have 1 to {_MOST_CHARACTERS} characters.",
            hint="Name the person or program that uses it.",
        )
    allowed = list(dict.fromkeys(normal_origin(origin) for origin in origins))
    token = make_token()
    with database.transaction() as session:
        key = insert_api_key(session, name, hash_token(token), Scope(scope), allowed)
        record_act(session, ACTOR, Act.KEY_CREATED, f"{key.id} {name}", scope=scope, origins=allowed)
        return _describe(key), token


def read_keys(database: "Database") -> list[dict[str, Any]]:
    """All keys, live and revoked, oldest first."""
    from backend.store.access import list_api_keys

    with database.transaction() as session:
        return [_describe(key) for key in list_api_keys(session)]


def revoke_key(database: "Database", key_id: int) -> dict[str, Any]:
    """Revoke a key and return its fields. Raises NotFound."""
    from backend.store.access import Act, record_act, revoke_api_key

    with database.transaction() as session:
        key = revoke_api_key(session, key_id)
        record_act(session, ACTOR, Act.KEY_REVOKED, f"{key.id} {key.name}")
        return _describe(key)


def print_keys(keys: Sequence[dict[str, Any]]) -> None:
    """Print the keys as a table."""
    table = Table("id", "name", "scope", "origins", "created", "last used", "revoked")
    for key in keys:
        moments = [f"{key[name]:%Y-%m-%d %H:%M}" if key[name] else "" for name in _MOMENTS]
        table.add_row(str(key["id"]), key["name"], key["scope"], " ".join(key["origins"]), *moments)
    output.print(table)


def _describe(key: "ApiKey") -> dict[str, Any]:
    """All fields but the hash."""
    return {name: getattr(key, name) for name in ("id", "name", "scope", "origins", *_MOMENTS)}
