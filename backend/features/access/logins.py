"""Login by name and password, or by a link that works once."""

import ipaddress
from dataclasses import dataclass

from backend.errors import LoginFailed, RateLimited
from backend.features.access.accounts import MOST_NAME_CHARACTERS, normal_name
from backend.features.access.passwords import hash_password, is_outdated, is_password
from backend.features.access.tokens import hash_secret, make_secret
from backend.store.access import (
    Act,
    Attempt,
    Role,
    change_password,
    claim_attempt,
    delete_session_by_token,
    find_account,
    forget_attempt,
    insert_account,
    insert_login_link,
    insert_session,
    record_act,
    record_login,
    take_login_link,
)
from backend.store.engine import Database, Session, broken_constraints_as_conflicts
from backend.store.schema import Account

LINK_SECONDS = 15 * 60
OWNER = "owner"
"""The account that login links of `demo` and `up` are for, unless another one is named."""

_MOST_AGENT_CHARACTERS = 300
_LOGGED_IN = "/logged in"  # no name of an account has a slash, and no network ends like this
# Providers assign whole IPv6 networks to one customer, with this prefix length or shorter.
_IPV6_PREFIX = 64


@dataclass(frozen=True)
class Browser:
    """The client of a login.

    Attributes:
        address: its IP address.
        user_agent: its User-Agent header.
        old_secret: secret of the session that it already has, None if none.
    """

    address: str
    user_agent: str
    old_secret: str | None = None


def log_in(database: Database, name: str, password: str, browser: Browser, *, session_seconds: float) -> str:
    """Log in and create a session. Returns its secret.

    Raises:
        RateLimited: five attempts failed within 15 minutes, for the account or from the network.
        LoginFailed: the name or the password is wrong. The error does not tell which.
    """
    name = normal_name(name)[: MOST_NAME_CHARACTERS + 1]
    if not name.isprintable():
        name = ""  # matches no account; Postgres rejects NUL
    claim = _claim(database, name, network_of(browser.address))
    with database.transaction() as session:
        account = find_account(session, name)
    right = is_password(account.password_hash if account else None, password)
    with broken_constraints_as_conflicts(), database.transaction() as session:
        if account is None or not right:
            # Do not log an unknown name: it may be a password typed into the wrong field.
            record_act(session, "anonymous", Act.LOGIN_FAILED, account.name if account else "an unknown name")
        else:
            forget_attempt(session, claim)
            if account.password_hash is not None and is_outdated(account.password_hash):
                change_password(session, account.id, hash_password(password))
            return _open(session, account, browser, session_seconds, by="password")
    raise LoginFailed("The name or the password is wrong.", hint="Try again, or ask for a login link.")


def check_password(database: Database, account_name: str, password: str, browser: Browser) -> bool:
    """Whether this is the password of an account, for somebody who is logged in to it. One without a password needs none.

    Wrong ones count by themselves, for the account and from the network: nobody who is not logged in can use these attempts up.

    Raises:
        RateLimited: five attempts failed within 15 minutes, for the account or from the network.
    """
    with database.transaction() as session:
        account = find_account(session, normal_name(account_name))
    if account is None or account.password_hash is None:
        return account is not None
    claim = _claim(database, account.name + _LOGGED_IN, network_of(browser.address) + _LOGGED_IN)
    right = is_password(account.password_hash, password)
    with database.transaction() as session:
        if right:
            forget_attempt(session, claim)
        else:
            record_act(session, f"account:{account.name}", Act.LOGIN_FAILED, account.name)
    return right


def make_login_link(
    database: Database, name: str | None, *, actor: str, seconds: float = LINK_SECONDS
) -> tuple[str, str]:
    """Create a secret that logs an account in once. Returns the name of the account and the secret.

    Without a name, it is for the account `owner`, an admin, which is created if missing.

    Raises:
        NotFound: there is no such account.
    """
    from backend.store.access import get_account

    secret = make_secret()
    with broken_constraints_as_conflicts(), database.transaction() as session:
        if name is None:
            account = find_account(session, OWNER)
            if account is None:
                account = insert_account(session, OWNER, Role.ADMIN, None)
                record_act(session, actor, Act.ACCOUNT_CREATED, OWNER, role=Role.ADMIN.value)
        else:
            account = get_account(session, normal_name(name))
        insert_login_link(session, account.id, hash_secret(secret), seconds=seconds)
        record_act(session, actor, Act.LOGIN_LINK_MADE, account.name)
        return account.name, secret


def log_in_by_link(database: Database, link_secret: str, browser: Browser, *, session_seconds: float) -> str:
    """Consume a login link and create a session. Returns its secret. Raises LoginFailed."""
    with database.transaction() as session:
        account = take_login_link(session, hash_secret(link_secret))
        if account is not None:
            return _open(session, account, browser, session_seconds, by="link")
    raise LoginFailed(
        "This login link has expired or was already used.", hint="Run `mediacluster login-link` for a new one."
    )


def _claim(database: Database, name: str, network: str) -> int:
    with database.transaction() as session:
        claim: Attempt = claim_attempt(session, name, network)
        if claim.attempt_id is not None:
            return claim.attempt_id
    raise RateLimited(
        "Too many failed login attempts.",
        hint="Wait 15 minutes, or create a login link with `mediacluster login-link`.",
        retry_after_seconds=claim.retry_after_seconds,
    )


def _open(session: Session, account: Account, browser: Browser, seconds: float, *, by: str) -> str:
    if browser.old_secret is not None:
        delete_session_by_token(session, hash_secret(browser.old_secret))
    secret = make_secret()
    agent = browser.user_agent[:_MOST_AGENT_CHARACTERS].replace("\0", "")
    insert_session(session, account.id, hash_secret(secret), seconds=seconds, address=browser.address, user_agent=agent)
    record_login(session, account.id)
    record_act(session, f"account:{account.name}", Act.LOGIN_SUCCEEDED, account.name, by=by)
    return secret


def network_of(address: str) -> str:
    """The unit that attempts are counted by: the address, or for IPv6 the network, since one machine has many addresses there."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
