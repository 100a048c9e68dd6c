import os
import subprocess
from pathlib import Path

import pytest

from backend.embedded.account import Account, open_way, server_account

SOMEBODY = Account(uid=54321, gid=54321, foreign=True)
ELSE = Account(uid=54322, gid=54322, foreign=True)


def _reads(account: Account, path: Path) -> bool:
    command = ["cat", str(path)]
    return subprocess.run(command, capture_output=True, check=False, **account.process_options()).returncode == 0


def _lists(account: Account, path: Path) -> bool:
    command = ["ls", str(path)]
    return subprocess.run(command, capture_output=True, check=False, **account.process_options()).returncode == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="for ordinary users")
def test_server_account__ordinary_user_keeps_their_own(tmp_path: Path) -> None:
    account = server_account(tmp_path / "data")
    assert account == Account(os.geteuid(), os.getegid(), foreign=False)
    assert account.process_options() == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="for root")
class TestRoot:
    def test_server_account__new_data_folder(self, tmp_path: Path) -> None:
        account = server_account(tmp_path / "data")
        assert account.foreign
        assert account.uid != 0
        answer = subprocess.run(["id", "-u"], capture_output=True, check=True, text=True, **account.process_options())
        assert answer.stdout == f"{account.uid}\n"

    def test_server_account__owner_of_a_data_folder(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        os.chown(tmp_path / "data", 54321, 54322)
        assert server_account(tmp_path / "data") == Account(54321, 54322, foreign=True)

    def test_open_way__only_search_and_only_for_that_account(self, tmp_path: Path) -> None:
        folder = tmp_path / "private" / "home"
        folder.mkdir(parents=True)
        (folder / "file").touch()
        (tmp_path / "private").chmod(0o700)
        folder.chmod(0o700)
        assert not _reads(SOMEBODY, folder / "file")

        open_way(SOMEBODY, folder)

        assert _reads(SOMEBODY, folder / "file")
        assert not _lists(SOMEBODY, folder)
        assert not _reads(ELSE, folder / "file")
        before = (folder.stat().st_ctime_ns, folder.stat().st_mode)
        open_way(SOMEBODY, folder)
        assert (folder.stat().st_ctime_ns, folder.stat().st_mode) == before

    def test_open_way__keeps_what_an_access_list_says(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir(mode=0o700)
        (folder / "file").touch()
        open_way(SOMEBODY, folder)
        open_way(ELSE, folder)
        assert _reads(SOMEBODY, folder / "file")
        assert _reads(ELSE, folder / "file")

        folder.chmod(0o700)  # clears the mask: nobody but the owner
        assert not _reads(SOMEBODY, folder / "file")
        open_way(ELSE, folder)
        assert _reads(ELSE, folder / "file")
        assert not _reads(SOMEBODY, folder / "file")

    def test_open_way__own_account_changes_nothing(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        before = tmp_path.stat().st_ctime_ns
        open_way(Account(0, 0, foreign=False), tmp_path)
        assert tmp_path.stat().st_ctime_ns == before
