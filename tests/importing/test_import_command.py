"""``denglu import rageframe`` as an operator runs it."""

import json
import stat
import time
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.importing.rageframe import Rageframe
from tests.importing.small import books, pass_, person


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path, near=True)
    made.ok("migrate")
    return made


@pytest.fixture(autouse=True)
def _filled(source: Rageframe) -> None:
    source.fill(
        "member", [person(1), person(2, mobile="13000000001"), person(3, type=2), person(4)]
    )
    source.fill("member_account", [books(1, 1, "12.50"), books(2, 9, "-0.01")])
    source.fill("api_access_token", [pass_(1, 1)])


def test_the_help_says_what_an_operator_needs(desk: Desk) -> None:
    said = desk.ok("import", "rageframe", "--help")
    assert "which is only read" in " ".join(said.split())
    assert "\n    denglu import rageframe mysql://" in said
    assert max(map(len, said.splitlines())) <= 100
    assert "rageframe" in desk.ok("import", "--help")


def test_it_says_what_came_and_what_did_not(desk: Desk, source: Rageframe) -> None:
    said = desk.ok("import", "rageframe", source.url).splitlines()
    assert "bringing member: 4 of 4" in said
    (line,) = [line for line in said if line.startswith("member ")]
    assert line.split() == ["member", "4", "3", "0", "0", "1", "0"]
    assert "member: 1 left out: administrators of the back end (no member type 1 or 3)" in said
    assert "member_account: 1 left out: of members who are not there" in said
    assert "members whose mobile is another one's, who logs in with it: 1" in said
    assert said[-1].startswith("Every row and cent of mysql://127.0.0.1:")
    assert said[-1].endswith(f"is in {desk.database.resolve()}")


def test_its_json_has_stable_keys(desk: Desk, source: Rageframe) -> None:
    said = desk.json("import", "rageframe", source.url, "--dry-run")
    assert said.keys() == {
        "source", "target", "dry_run", "same", "seconds", "accounts_made", "findings", "tables",
    }  # fmt: skip
    assert (said["dry_run"], said["same"], said["findings"]["duplicate_mobile"]) == (True, True, 1)
    tables = {table.pop("table"): table for table in said["tables"]}
    assert list(tables) == [
        "merchant", "member_level", "member", "member_account", "member_auth", "api_access_token",
    ]  # fmt: skip
    account = tables["member_account"]
    assert account["source"] == account["source"] | {"rows": 2, "user_money": "12.49"}
    assert account["brought"]["user_money"] == "12.50"
    assert account["left_out"]["orphan"]["user_money"] == "-0.01"
    assert account["target"] is None
    assert desk.json("member", "list") == []


def test_the_report_is_the_operators_alone(desk: Desk, source: Rageframe) -> None:
    said = desk.ok("import", "rageframe", source.url, "--report", "odd.jsonl")
    path = desk.folder / "odd.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {"what": "duplicate_mobile", "table": "member", "id": 2, "kept_by": 1} in lines
    assert f"{len(lines)} lines in odd.jsonl" in said
    # Nobody's name or number stands in it.
    assert "13000000001" not in path.read_text()


def test_a_report_that_was_everybodys_is_not_any_more(desk: Desk, source: Rageframe) -> None:
    path = desk.folder / "odd.jsonl"
    path.write_text("x" * 9999)
    path.chmod(0o644)
    desk.ok("import", "rageframe", source.url, "--dry-run", "--report", "odd.jsonl")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "x" * 99 not in path.read_text()


@pytest.mark.parametrize("path", ["no/such/folder", ".", "", "/dev/full"])
def test_a_report_that_cannot_be_written_is_named(desk: Desk, source: Rageframe, path: str) -> None:
    before = Path("/dev/full").stat().st_mode
    done = desk.run("import", "rageframe", source.url, "--report", path)
    assert (done.returncode, done.stderr.startswith(f"denglu: --report {path}: ")) == (1, True)
    assert Path("/dev/full").stat().st_mode == before


def test_a_difference_is_exit_1_with_the_sums(desk: Desk, source: Rageframe) -> None:
    desk.ok("import", "rageframe", source.url)
    import apsw

    db = apsw.Connection(str(desk.database))
    db.execute("UPDATE member_account SET user_money = user_money + 1 WHERE member_id = 1")
    db.close()
    done = desk.run("import", "rageframe", source.url)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].startswith("denglu: table member_account does not agree (rows, user_money, ")
    assert "brought 1 rows 12.50 " in lines[0]
    assert "the target has 3 rows" not in lines[0]
    assert "the target has 1 rows 12.51 " in lines[0]
    assert "Every row and cent" not in done.stdout


def test_a_url_may_stand_in_a_file_and_no_password_is_shown(desk: Desk, source: Rageframe) -> None:
    path = desk.folder / "url"
    path.write_text(source.url.replace("reader@", "reader:s3cret@"))
    done = desk.run("import", "rageframe", f"@{path}")
    assert "s3cret" not in done.stdout + done.stderr


@pytest.mark.parametrize("url", ["sqlite:///a.db", "postgresql://u:s3cret@h/d", "s3cret"])
def test_what_is_no_rageframe_is_refused_without_showing_it(desk: Desk, url: str) -> None:
    line = desk.fault("import", "rageframe", url, code=2)
    assert line.startswith("URL ")
    assert "s3cret" not in line


def test_a_prefix_that_is_none_is_refused(desk: Desk, source: Rageframe) -> None:
    line = desk.fault("import", "rageframe", source.url, "--prefix", "rf`", code=2)
    assert line.startswith("--prefix ")
    assert "has no table x_member" in desk.fault(
        "import", "rageframe", source.url, "--prefix", "x_"
    )


def test_members_come_beside_a_server_and_their_tokens_work_within_a_moment(
    desk: Desk, source: Rageframe
) -> None:
    token = str(pass_(1, 1)["access_token"])
    with desk.serving() as server:
        assert server.whoami(token).code == 401
        desk.ok("import", "rageframe", source.url)
        until = time.monotonic() + 10
        while (seen := server.whoami(token)).code != 200 and time.monotonic() < until:
            time.sleep(0.02)
        assert (seen.code, seen.data["id"]) == (200, 1)
        source.sql("UPDATE rf_api_access_token SET status = 0")
        desk.ok("import", "rageframe", source.url)
        assert server.whoami(token).reason == "session_ended"
