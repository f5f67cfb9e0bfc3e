"""``denglu backup`` as an operator runs it, and the way back."""

from pathlib import Path

import pytest

from tests.cli.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk with one member."""
    desk = Desk(tmp_path, near=True)
    desk.add("ming")
    return desk


def test_the_help_says_what_an_operator_needs(desk: Desk) -> None:
    said = desk.ok("backup", "--help")
    assert "The secret key is not in it" in " ".join(said.split())
    assert "pg_dump" in said
    assert "\n    denglu backup" in said
    assert max(map(len, said.splitlines())) <= 100


def test_a_backup_goes_where_it_is_told_and_says_where_the_key_is(desk: Desk) -> None:
    folder = desk.folder / "elsewhere"
    folder.mkdir()
    first, last = desk.ok("backup", str(folder)).splitlines()
    (path,) = folder.iterdir()
    assert first == f"{path}: {path.stat().st_size:,} bytes, checked"
    assert last == (
        f"The secret key is not in it: keep {desk.folder / 'denglu.db.key'} elsewhere, and safe."
    )


def test_without_a_target_it_is_the_folder_of_the_settings_or_this_one(desk: Desk) -> None:
    desk.ok("backup")
    assert len(list(desk.folder.glob("denglu-*.db"))) == 1
    desk.ok("backup", backup_folder="nights")
    assert len(list((desk.folder / "nights").glob("denglu-*.db"))) == 1


def test_its_json_has_stable_keys(desk: Desk) -> None:
    folder = desk.folder / "backups"
    folder.mkdir()
    old = folder / "denglu-20250101T000000Z.db"
    old.touch()
    said = desk.json("backup", str(folder), "--keep", "1")
    (path,) = folder.iterdir()
    assert said == {
        "backup": str(path),
        "bytes": path.stat().st_size,
        "removed": [str(old)],
        "key": str(desk.folder / "denglu.db.key"),
    }
    said = desk.json("backup", str(folder / "other.db"), secret_key="k" * 32)
    assert (said["removed"], said["key"]) == ([], None)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_network_database_has_tools_of_its_own(desk: Desk, kind: str) -> None:
    url = f"{kind}://denglu:s3cret@127.0.0.1:1/denglu"
    line = desk.fault("backup", code=2, database_url=url, secret_key="k" * 32)
    assert ("pg_dump" if kind == "postgresql" else "mariadb-dump") in line
    assert "s3cret" not in line


def test_what_cannot_be_is_refused_in_one_line(desk: Desk) -> None:
    assert "no such folder" in desk.fault("backup", "missing", code=2)
    assert "is for a folder" in desk.fault("backup", "one.db", "--keep", "3", code=2)
    assert "denglu.db is there already" in desk.fault("backup", "denglu.db")
    assert "missing/one.db" in desk.fault("backup", "missing/one.db")
    assert "none.db" in desk.fault("backup", "copy.db", database_url="sqlite:///none.db")
    assert sorted(path.name for path in desk.folder.glob("*.db*")) == [
        "denglu.db",
        "denglu.db.lock",
    ]


def test_after_a_restore_members_are_logged_in_as_they_were(desk: Desk) -> None:
    with desk.serving() as server:
        token = server.login("ming")
        path = desk.folder / desk.json("backup")["backup"]
        desk.near = False
        desk.ok("session", "revoke", "ming")
        assert server.whoami(token).code == 401
        server.stop()
    # Stop, copy, start.
    desk.database.write_bytes(path.read_bytes())
    for name in ("denglu.db-wal", "denglu.db-shm"):
        (desk.folder / name).unlink(missing_ok=True)
    with desk.serving() as server:
        assert server.whoami(token).code == 200
