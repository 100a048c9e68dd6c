"""Creation, change and removal of accounts."""

import re
import unicodedata
from typing import Any

from backend.errors import InputError
from backend.features.access.passwords import hash_password, require_good
from backend.store.access import (
    Act,
    Role,
    change_password,
    delete_account,
    delete_session,
    delete_sessions,
    get_account,
    insert_account,
    list_accounts,
    record_act,
)
from backend.store.engine import Database
from backend.store.schema import Account

MOST_NAME_CHARACTERS = 64
_NAME = re.compile(r"[\w.@+-]+")
_SHOWN = ("name", "role", "created_at", "last_login_at", "password_changed_at")


def normal_name(name: str) -> str:
    """Normalize a name for storage and comparison: composed (NFKC) and in lower case."""
    return unicodedata.normalize("NFKC", name).strip().lower()


def create_account(database: Database, name: str, role: str, password: str | None, *, actor: str) -> dict[str, Any]:
    """Create an account. Without a password, only login links work. Returns its public fields.

    Raises:
        InputError: the name or the password is invalid.
        Conflict: the name is taken.
    """
    name = normal_name(name)
    if not _NAME.fullmatch(name) or len(name) > MOST_NAME_CHARACTERS:
        raise InputError(
            f"{name!r} is not a valid account name.",
            hint=f"Use letters, digits and . @ + - _, at most {MOST_NAME_CHARACTERS} characters.",
        )
    password_hash = None
    if password is not None:
        require_good(password)
        password_hash = hash_password(password)
    with database.transaction() as session:
        account = insert_account(session, name, Role(role), password_hash)
        record_act(session, actor, Act.ACCOUNT_CREATED, name, role=role)
        return describe_account(account)


def read_accounts(database: Database) -> list[dict[str, Any]]:
    """All accounts, by name."""
    with database.transaction() as session:
        return [describe_account(account) for account in list_accounts(session)]


def set_password(
    database: Database, name: str, password: str, *, actor: str, keep_session_id: int | None = None
) -> int:
    """Change a password and end the account's sessions except `keep_session_id`. Returns how many ended.

    Raises:
        InputError: the password is invalid.
        NotFound: there is no such account.
    """
    require_good(password)
    password_hash = hash_password(password)
    with database.transaction() as session:
        account = get_account(session, normal_name(name))
        change_password(session, account.id, password_hash)
        record_act(session, actor, Act.PASSWORD_CHANGED, account.name)
        return delete_sessions(session, account.id, but=keep_session_id)


def remove_account(database: Database, name: str, *, actor: str) -> None:
    """Remove an account with its sessions and links. Its actions stay in the journal and the audit log. Raises NotFound."""
    with database.transaction() as session:
        account = get_account(session, normal_name(name))
        delete_account(session, account.id)
        record_act(session, actor, Act.ACCOUNT_REMOVED, account.name)


def revoke_session(database: Database, session_id: int, *, actor: str, account_id: int | None = None) -> str:
    """End a session, which must belong to `account_id` if given. Returns the name of its account. Raises NotFound."""
    with database.transaction() as session:
        name = delete_session(session, session_id, account_id=account_id)
        record_act(session, actor, Act.SESSION_REVOKED, name, session_id=session_id)
        return name


def describe_account(account: Account) -> dict[str, Any]:
    """All fields but the hash. `has_password` says whether there is one."""
    shown = {name: getattr(account, name) for name in _SHOWN}
    return {**shown, "has_password": account.password_hash is not None}
