"""``denglu export`` as an operator runs it."""

from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.exporting.reading import read

FILES = ("members", "accounts", "levels", "bindings", "merchants", "cancellations")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A folder with a member."""
    desk = Desk(tmp_path, near=True)
    desk.add("ming", "--mobile", "13800000000")
    return desk


def test_it_says_what_is_where(desk: Desk) -> None:
    said = desk.ok("export", "out").splitlines()
    assert said[:2] == ["exporting members: 1 of 1", "exporting accounts: 1 of 1"]
    assert said[-6:] == [
        f"out/{name}.jsonl: {rows} rows"
        for name, rows in zip(FILES, (1, 1, 1, 0, 0, 0), strict=True)
    ]
    [member] = read(desk.folder / "out/members.jsonl")
    assert (member["username"], member["mobile"]) == ("ming", "13800000000")
    assert "password_hash" not in member


def test_its_json_has_stable_keys(desk: Desk) -> None:
    said = desk.json("export", "out", "--format", "csv")
    assert said["folder"] == "out"
    assert set(said["rows"]) == {f"{name}.csv" for name in FILES}


def test_hashes_are_warned_of(desk: Desk) -> None:
    said = desk.ok("export", "out", "--with-password-hashes")
    assert "Password hashes are in it" in said
    [member] = read(desk.folder / "out/members.jsonl")
    assert member["password_hash"].startswith("$argon2id$")


def test_it_runs_beside_a_server(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.add("ming")
    with desk.serving() as server:
        server.login("ming")
        desk.ok("export", "out")
        server.login("ming")
    [member] = read(desk.folder / "out/members.jsonl")
    assert member["visit_count"] == 1


def test_what_goes_wrong_is_one_line(desk: Desk) -> None:
    (desk.folder / "there").mkdir()
    assert "is there already" in desk.fault("export", "there")
    assert "no such file" in desk.fault("export", "out", database_url="sqlite:///none.db")
    assert not (desk.folder / "out").exists()
    assert "xml" in desk.fault("export", "out", "--format", "xml", code=2)
