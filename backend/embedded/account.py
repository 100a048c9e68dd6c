"""The account that Postgres runs as. It refuses to run as root, so root starts it as an unprivileged account."""

import functools
import logging
import operator
import os
import pwd
import stat
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ConfigurationError

ACCOUNT_NAME = "mediacluster"

_logger = logging.getLogger(__name__)

# The stored form of a POSIX access control list, see linux/posix_acl_xattr.h.
_ACL_ATTRIBUTE = "system.posix_acl_access"
_ACL_HEADER = struct.Struct("<I")
_ACL_ENTRY = struct.Struct("<HHI")
_ACL_VERSION = 2
_ANYBODY = 0xFFFFFFFF
_OWNER, _USER, _OWNING_GROUP, _GROUP, _MASK, _OTHERS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_MASKED = (_USER, _OWNING_GROUP, _GROUP)
_SEARCH = 0o1


@dataclass(frozen=True)
class Account:
    """An account to run a server as.

    Attributes:
        uid: user id.
        gid: group id.
        foreign: whether it differs from the account of this process.
    """

    uid: int
    gid: int
    foreign: bool

    def process_options(self) -> dict[str, Any]:
        """Arguments for `subprocess.run` that start a program as this account."""
        if not self.foreign:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account(data: Path) -> Account:
    """The account for the server of the data folder `data`: that of this process, unless it is root.

    Root uses the owner of an existing data folder, or else the account `mediacluster`, which it creates if necessary.

    Raises:
        ConfigurationError: the account cannot be created.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), foreign=False)
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid, foreign=True)
    entry = _find_entry() or _make_entry()
    return Account(entry.pw_uid, entry.pw_gid, foreign=True)


def open_way(account: Account, folder: Path) -> None:
    """Give a foreign account search permission, and nothing else, on `folder` and its parents.

    Without it, a checkout under /root (mode 0700) would be out of reach. If the file system has no access control lists,
    everyone gets permission to search (not to list), with a warning.
    """
    if not account.foreign:
        return
    for step in (folder, *folder.parents):
        if not _may_search(account, step):
            _grant_search(account, step)


def _find_entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        return None


def _make_entry() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT_NAME]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
        answer = done.stderr.strip()
    except FileNotFoundError:
        answer = "there is no useradd."
    entry = _find_entry()  # also finds an account that another process has just created
    if entry is None:
        raise ConfigurationError(
            f"Postgres cannot run as root, and the account {ACCOUNT_NAME!r} for it could not be created: {answer}",
            hint="Run this as an ordinary user, or set DATABASE_URL to your own server.",
        )
    return entry


def _may_search(account: Account, folder: Path) -> bool:
    found = folder.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    named = [entry for entry in _read_acl(folder) if entry[0] == _USER and entry[2] == account.uid]
    if named:
        return bool(named[0][1] & _SEARCH)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def _grant_search(account: Account, folder: Path) -> None:
    try:
        _write_acl(folder, account.uid)
    except (OSError, AttributeError):  # this file system or operating system has no access control lists
        _logger.warning("Gave everybody the right to search %s, so that Postgres can reach its files.", folder)
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)


def _read_acl(folder: Path) -> list[tuple[int, int, int]]:
    """The entries (tag, permissions under the mask, id) of an access control list; [] if there is only a mode."""
    try:
        value = os.getxattr(folder, _ACL_ATTRIBUTE)
    except (OSError, AttributeError):
        return []
    entries = list(_ACL_ENTRY.iter_unpack(value[_ACL_HEADER.size :]))
    mask = next((permissions for tag, permissions, _ in entries if tag == _MASK), 0o7)
    return [(tag, held & mask if tag in _MASKED else held, who) for tag, held, who in entries if tag != _MASK]


def _write_acl(folder: Path, uid: int) -> None:
    mode = stat.S_IMODE(folder.stat().st_mode)
    entries = _read_acl(folder) or [
        (_OWNER, mode >> 6 & 0o7, _ANYBODY),
        (_OWNING_GROUP, mode >> 3 & 0o7, _ANYBODY),
        (_OTHERS, mode & 0o7, _ANYBODY),
    ]
    entries = [entry for entry in entries if (entry[0], entry[2]) != (_USER, uid)]
    entries.append((_USER, _SEARCH, uid))
    mask = functools.reduce(operator.or_, (held for tag, held, _ in entries if tag in _MASKED))
    entries.append((_MASK, mask, _ANYBODY))
    entries.sort(key=lambda entry: (entry[0], entry[2]))  # the kernel requires this order
    packed = b"".join(_ACL_ENTRY.pack(*entry) for entry in entries)
    os.setxattr(folder, _ACL_ATTRIBUTE, _ACL_HEADER.pack(_ACL_VERSION) + packed)
