"""Whatever goes wrong, an operator reads one line and no traceback."""

import json
import os
import subprocess
import sys

import asyncmy.errors
import asyncpg
import pytest

from denglu.cli.entry import run
from denglu.cli.faults import explain
from tests.cli.desk import Desk

TOKEN = "Q" * 43


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("nonsense",), "No such command 'nonsense' (see `denglu --help`)"),
        (("member", "shwo"), "No such command 'shwo'. Did you mean 'show'? (see `denglu member"),
        (("member", "show"), "Missing argument 'WHO' (see `denglu member show --help`)"),
        (
            ("member", "list", "--after", f"{2**63}"),
            "Invalid value for '--after': 9223372036854775808",
        ),
        (("member", "list", "--limit", "0"), "Invalid value for '--limit': 0 is not in the"),
        (("session", "revoke"), "Missing argument 'WHO' (see `denglu session revoke --help`)"),
        (("migrate", "--chek"), "No such option"),
    ],
)
def test_a_slip_of_the_pen_is_told_in_one_line(
    bare: Desk, words: tuple[str, ...], line: str
) -> None:
    bare.near = True
    assert bare.fault(*words, code=2).startswith(line)


def broken(*_: object) -> None:
    """What nobody thought of."""
    raise ValueError(f"first line\nsecond line, token={TOKEN}")


def test_what_nobody_thought_of_is_one_line_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("denglu.cli.migrate.read_settings", broken)
    monkeypatch.delenv("DENGLU_LOG_LEVEL", raising=False)
    assert run(["migrate"]) == 1
    assert capsys.readouterr().err == (
        "denglu: unexpected fault, ValueError: first line second line, token=[hidden] "
        "(DENGLU_LOG_LEVEL=debug says where)\n"
    )


def test_the_way_to_the_place_is_given_on_request(desk: Desk) -> None:
    code = (
        "import denglu.cli.migrate as m, tests.cli.test_faults as t; from denglu.cli import main;"
        "m.read_settings = t.broken; import sys; sys.argv = ['denglu', 'migrate']; main()"
    )
    environ = desk.environ({"log_level": "debug"})
    environ["PYTHONPATH"] += os.pathsep + os.getcwd()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=desk.folder, env=environ
    )
    assert done.returncode == 1
    log, line = done.stderr.splitlines()
    assert "test_faults.py" in json.loads(log)["error"]
    assert line.endswith("(the log line above says where)")
    assert TOKEN not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_fault(desk: Desk) -> None:
    desk.add("ming")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "denglu", "member", "list"],
        cwd=desk.folder,
        env=desk.environ({}),
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_terminal_that_knows_no_chinese_is_written_to(desk: Desk) -> None:
    desk.add("ming", "--nickname", "小明")
    environ = desk.environ({}) | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(
        [sys.executable, "-m", "denglu", "member", "list"],
        cwd=desk.folder,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u5c0f\\u660e" in done.stdout


def test_a_right_that_the_database_withholds_is_no_unexpected_fault() -> None:
    error = asyncpg.InsufficientPrivilegeError("permission denied for table member")
    error.detail = "Failing row contains (13800000000)."
    line = "the database refuses: permission denied for table member; try `denglu doctor`"
    assert explain(error) == ([line], 1)
    denied = asyncmy.errors.OperationalError(1142, "UPDATE command denied for table `member`")
    (line,), code = explain(denied)
    assert line.startswith("the database refuses: UPDATE command denied")
    (line,), code = explain(asyncpg.InterfaceError("a slip of ours"))
    assert line.startswith("unexpected fault, InterfaceError")
    assert code == 1
