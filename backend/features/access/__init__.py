"""Accounts, passwords, sessions and login links."""

from backend.features.access.accounts import create_account, read_accounts, remove_account, revoke_session, set_password
from backend.features.access.logins import Browser, check_password, log_in, log_in_by_link, make_login_link, network_of
from backend.features.access.passwords import LEAST_CHARACTERS, is_password
from backend.features.access.sessions import ANYBODY, Sessions, Visitor
from backend.features.access.tokens import hash_secret, is_csrf_token, make_secret

__all__ = [
    "ANYBODY",
    "LEAST_CHARACTERS",
    "Browser",
    "Sessions",
    "Visitor",
    "check_password",
    "create_account",
    "hash_secret",
    "is_csrf_token",
    "is_password",
    "log_in",
    "log_in_by_link",
    "make_login_link",
    "make_secret",
    "network_of",
    "read_accounts",
    "remove_account",
    "revoke_session",
    "set_password",
]
