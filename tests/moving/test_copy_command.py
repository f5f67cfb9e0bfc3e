"""``denglu copy`` as an operator runs it."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from denglu.store.migrate import migrate_database
from tests.cli.desk import Desk
from tests.moving.places import Place, fill


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A folder to run commands in; the source's key lies beside it, as on loopback."""
    return Desk(tmp_path)


@pytest.fixture(autouse=True)
def key(source: Place) -> Path:
    path = source.path.with_name("denglu.db.key")
    path.write_text("k" * 43)
    return path


def test_the_help_says_what_an_operator_needs(desk: Desk) -> None:
    said = desk.ok("copy", "--help")
    assert "Stop the servers of FROM_URL first" in said
    assert "same secret key" in said
    assert "\n    denglu copy sqlite:///" in said
    assert max(map(len, said.splitlines())) <= 100


def test_a_copy_says_how_far_it_is_and_that_the_key_must_come_along(
    desk: Desk, source: Place, network_target: Place, key: Path
) -> None:
    fill(source, 7)
    said = desk.ok("copy", source.url, network_target.url).splitlines()
    assert said[0] == "copying member: 7 of 7"
    assert "comparing audit_event: 7 of 7" in said
    assert said[-2].endswith(f"is the same as {source.path}: 98 rows, every value")
    assert said[-1].startswith("Take the secret key along: ")
    assert said[-1].endswith(f"It is in {key}")


def test_its_json_has_stable_keys(desk: Desk, source: Place, target: Place, key: Path) -> None:
    desk.near = True
    fill(source, 3)
    said = desk.json("copy", source.url, target.url)
    tables = said.pop("tables")
    place = str(target.path) if "sqlite" in target.url else target.url.replace("denglu@", "", 1)
    assert said == {
        "source": str(source.path),
        "target": place,
        "same": True,
        "resumed": False,
        "rows_kept": 0,
        "rows_added": 42,
        "key": str(key),
    }
    assert [table["table"] for table in tables] == list(target.everything())
    for table in tables:
        assert table["source_rows"] == table["target_rows"] == 3
        assert re.fullmatch(r"[0-9a-f]{64}", table["source_sha256"])
        assert table["source_sha256"] == table["target_sha256"]
        assert (table["differing"], table["first_differing"]) == (0, [])


KILLED = """
import os, signal, sys
from denglu.cli import progress
from denglu.cli.entry import run

def tell(self, thing, done, total):
    if thing == "session":
        os.kill(os.getpid(), signal.SIGKILL)

progress.Shown._tell = tell
run(sys.argv[1:])
"""


def test_a_copy_that_was_killed_goes_on_when_it_is_started_again(
    desk: Desk, source: Place, target: Place
) -> None:
    desk.near = True
    fill(source, 7)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "copy", source.url, target.url],
        cwd=desk.folder,
        env=desk.environ({}),
    )
    assert done.returncode == -signal.SIGKILL
    report = desk.json("copy", source.url, target.url)
    assert (report["same"], report["resumed"]) == (True, True)
    # The three tables in front of the sessions.
    assert (report["rows_kept"], report["rows_added"]) == (3 * 7, 11 * 7)


def test_a_difference_is_exit_1_with_the_table_and_the_first_keys(
    desk: Desk, source: Place, network_target: Place
) -> None:
    desk.near = True
    fill(source, 7)
    desk.ok("copy", source.url, network_target.url)
    # As a copy that was begun before the source changed.
    network_target.sql("CREATE TABLE denglu_copy (source text, begun_at bigint)")
    network_target.sql("INSERT INTO denglu_copy VALUES (?, 1)", str(source.path))
    source.sql("UPDATE member SET nickname = 'moved' WHERE id IN (6, 9)")
    done = desk.run("copy", source.url, network_target.url)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        "denglu: table member: 2 rows differ, the first by their keys: 6 (differs), 9 (differs)"
    )
    assert "--restart" in done.stderr.splitlines()[1]
    assert "is the same" not in done.stdout
    desk.ok("copy", source.url, network_target.url, "--restart")


def test_a_url_may_stand_in_a_file(desk: Desk, source: Place, network_target: Place) -> None:
    desk.near = True
    path = desk.folder / "url"
    path.write_text(network_target.url + "\n")
    desk.ok("copy", source.url, f"@{path}")
    assert "cannot be read" in desk.fault("copy", source.url, "@missing", code=2)


@pytest.mark.parametrize(
    "url", ["oracle://u:s3cret@h/d", "sqlite://x", "s3cret", "mysql://u:s3cret@"]
)
def test_what_is_no_url_is_refused_without_showing_it(desk: Desk, source: Place, url: str) -> None:
    desk.near = True
    for pair in ((url, source.url), (source.url, url)):
        line = desk.fault("copy", *pair, code=2)
        assert line.startswith(("FROM_URL ", "TO_URL "))
        assert "s3cret" not in line


def test_no_output_shows_a_password(desk: Desk, source: Place, network_target: Place) -> None:
    desk.near = True
    fill(source, 3)
    url = network_target.url.replace("denglu@", "denglu:s3cret-word@", 1)
    assert url != network_target.url
    for words in (("copy", source.url, url), ("copy", source.url, url, "--json")):
        done = desk.run(*words)
        assert "s3cret" not in done.stdout + done.stderr


def test_a_target_that_is_not_empty_is_refused_in_one_line(
    desk: Desk, source: Place, network_target: Place
) -> None:
    desk.near = True
    migrate_database(network_target.url)
    network_target.sql("INSERT INTO member (id, tree) VALUES (1, '')")
    line = desk.fault("copy", source.url, network_target.url)
    assert "holds data of its own (table member)" in line


def test_a_served_file_is_refused_in_one_line(desk: Desk, tmp_path: Path) -> None:
    desk.ok("migrate")
    with desk.serving():
        line = desk.fault("copy", "sqlite:///denglu.db", f"sqlite:///{tmp_path}/other.db")
    assert "stop the server" in line
    assert not (tmp_path / "other.db").exists()


def test_on_a_terminal_a_bar_shows_how_far_it_is(desk: Desk, source: Place, tmp_path: Path) -> None:
    fill(source, 7)
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "denglu",
            "copy",
            source.url,
            f"sqlite:///{tmp_path}/new.db",
            "--json",
        ],
        cwd=desk.folder,
        env=desk.environ({}) | {"TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
    )
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    assert json.loads(done.stdout)["same"]
    text = shown.decode()
    assert re.search(r"copying member +\[#+\] +100%", text), text
    assert re.search(r"comparing audit_event +\[#+\] +100%", text), text


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end is closed, and all is read
        return b""
