"""`denglu audit`: what happened, for an operator who is asked why."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from denglu.cli.audit_events import MEANINGS
from denglu.cli.faults import Misuse
from denglu.cli.moments import read_moment
from denglu.domain.audit import Event
from tests.cli.desk import Desk, Serving
from tests.servers.postgres import PostgresServer

DOCS = Path(__file__).parents[2] / "docs" / "audit.md"
TIMES = ("CONNECT", "POOL", "STATEMENT")
KEYS = [
    "id",
    "at",
    "time",
    "event",
    "member_id",
    "merchant_id",
    "session_id",
    "group",
    "ip",
    "note",
]


def lines(desk: Desk, *words: str, **settings: str) -> list[dict[str, Any]]:
    """What ``denglu audit --json`` says."""
    said = desk.ok("audit", *words, "--json", **settings)
    return [json.loads(line) for line in said.splitlines()]


def events(desk: Desk, *words: str) -> list[str]:
    return [line["event"] for line in lines(desk, *words)]


def a_locked_out_member(desk: Desk, server: Serving) -> None:
    """Ming mistypes the password until the account is closed, and asks for a code."""
    body = {"username": "ming", "password": "not-the-password-9", "group": "pc"}
    for _ in range(6):
        server.call("/v1/site/login", body)
    server.call("/v1/site/sms-code", {"mobile": "13800000000", "usage": "login"})
    code = {"mobile": "13800000000", "code": "000000", "group": "pc"}
    server.call("/v1/site/mobile-login", code)
    server.call("/v1/site/login", body | {"username": "nobody"})


LOCKED_OUT = [
    "member_added", *["login_failed"] * 5, "too_many_attempts", "sms_code_sent",
    "sms_code_compared",
]  # fmt: skip


def test_why_a_member_cannot_log_in_is_told_beside_the_server(desk: Desk) -> None:
    desk.add("ming", "--mobile", "13800000000")
    with desk.serving() as server:
        a_locked_out_member(desk, server)
        told = lines(desk, "ming")
        assert [line["event"] for line in told] == LOCKED_OUT
        assert all(list(line) == KEYS for line in told)
        assert {line["member_id"] for line in told} == {1}
        closed = told[-3]
        assert (closed["group"], closed["ip"], closed["session_id"]) == ("pc", "127.0.0.1", None)
        assert told[-1]["note"] == "login 138****0000"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d", told[-1]["time"])
        for who in ("1", "13800000000"):
            assert events(desk, who) == LOCKED_OUT
        assert events(desk) == [*LOCKED_OUT, "login_failed"]
        assert lines(desk)[-1]["member_id"] is None

        named = ("--event", "too_many_attempts", "--event", "sms_code_sent")
        assert events(desk, *named) == ["too_many_attempts", "sms_code_sent"]
        assert events(desk, "ming", "--until", str(told[-1]["at"] + 1)) == LOCKED_OUT
        assert events(desk, "--since", "1h") == [*LOCKED_OUT, "login_failed"]
        assert server.stop() == 0


def test_the_table_has_a_line_for_each_event(near: Desk) -> None:
    near.add("ming")
    near.ok("member", "disable", "ming")
    head, first, second = near.ok("audit").splitlines()
    assert " ".join(head.split()) == "TIME UNIX EVENT MERCHANT MEMBER SESSION GROUP ADDRESS NOTE"
    assert re.fullmatch(r"\S+ \S+  \d{10}  member_added +1 +operator", first)
    for name in ("EVENT", "MEMBER", "NOTE"):
        place = head.index(name)
        assert second[place - 1] == " "
        assert second[place] != " "


def test_a_terminal_cannot_be_written_on_by_a_line(near: Desk) -> None:
    near.add("ming")
    with closing(apsw.Connection(str(near.database))) as db:
        db.execute("update audit_event set note = 'a\x1b[2J', event = 'of_tomorrow'")
    (line,) = near.ok("audit").splitlines()[1:]
    assert "of_tomorrow" in line
    assert line.endswith("a\N{REPLACEMENT CHARACTER}[2J")
    assert lines(near)[0]["note"] == "a\x1b[2J"


def test_a_terminal_cannot_be_written_on_by_json(near: Desk) -> None:
    """Not by what JSON itself lets through: C1 controls, line and direction marks."""
    note = "登录\x7f\x9b2J\x85\u2028\u202e\U000e0001"
    near.add("ming")
    with closing(apsw.Connection(str(near.database))) as db:
        db.execute("update audit_event set note = ?", [note])
        db.execute("update member set nickname = ?", [note])
    for words in (["audit"], ["member", "list"], ["member", "show", "ming"]):
        said = near.ok(*words, "--json")
        assert "登录" in said
        assert all(char.isprintable() or char == "\n" for char in said)
    assert lines(near)[0]["note"] == note


def test_what_is_left_out_is_said(near: Desk) -> None:
    near.add("ming")
    near.add("hong")
    done = near.run("audit", "--limit", "1", "--json")
    assert json.loads(done.stdout)["member_id"] == 2
    assert done.stderr == "there are older ones: --limit shows more\n"
    with closing(apsw.Connection(str(near.database))) as db:
        db.execute("update audit_event set at = at - 2 * 86400")
    assert near.run("audit").stderr == "no events in the last 24 hours\n"
    assert near.run("audit", "--since", "1h").stderr == "no events in that time\n"
    assert near.run("audit", "1", "--event", "login").stderr == "no events\n"
    assert len(lines(near, "ming")) == 1
    assert len(lines(near, "--since", "3d")) == 2


def test_mistakes_are_one_line(near: Desk) -> None:
    near.add("ming")
    assert "there is no member 'hong'" in near.fault("audit", "hong")
    assert "there is no member 139****0000" in near.fault("audit", "13900000000")
    assert "'nothing' is not one of" in near.fault("audit", "--event", "nothing", code=2)
    assert "'yesterday' is no time" in near.fault("audit", "--since", "yesterday", code=2)
    line = near.fault("audit", "--follow", "--until", "1h", code=2)
    assert line == "--follow goes on, and --until ends: leave one out"
    assert "0 is not in the range" in near.fault("audit", "--limit", "0", code=2)


def test_without_a_database_there_is_no_trail(bare: Desk) -> None:
    assert "there is no database at" in bare.fault("audit")
    assert list(bare.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", 1_750_000_000 - 90),
        ("24h", 1_750_000_000 - 86400),
        ("30d", 1_750_000_000 - 30 * 86400),
        ("1749999999", 1_749_999_999),
        ("2026-11-01", 1_793_491_200),
        ("2026-11-01 08:30", 1_793_521_800),
        ("2026-11-01T08:30:07+08:00", 1_793_493_007),
    ],
)
def test_times_are_read_as_they_are_written(text: str, moment: int) -> None:
    # This process may be in any zone: what names none counts from its midnight.
    if "T" not in text and "-" in text:
        from datetime import datetime

        utc = datetime.fromisoformat(text)
        moment -= int((utc.astimezone().utcoffset() or utc - utc).total_seconds())
    assert read_moment("--since", text, 1_750_000_000) == moment


@pytest.mark.parametrize(
    "text", ["", "24", "1w", "-1h", "１h", "2026-13-01", "now", "9999999999999"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Misuse, match=r"--until .* is no time: write 24h"):
        read_moment("--until", text, 1_750_000_000)


@contextmanager
def following(desk: Desk, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """`denglu audit --follow` in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "denglu", "audit", "--follow", *words],
        cwd=desk.folder,
        env=desk.environ({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has told us to ignore it, and children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def next_line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "it ended"
    return dict(json.loads(line))


def test_following_shows_what_happens_until_it_is_interrupted(desk: Desk) -> None:
    desk.add("ming")
    desk.add("hong")
    with desk.serving() as server, following(desk, "ming", "--json") as process:
        assert next_line(process)["event"] == "member_added"
        server.login("hong")
        server.login("ming", "iOS")
        login = next_line(process)
        assert (login["event"], login["member_id"], login["group"]) == ("login", 1, "iOS")
        server.login("ming", "iOS")
        assert next_line(process)["event"] == "session_replaced"
        assert next_line(process)["event"] == "login"
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
        assert (process.returncode, rest, errors) == (0, "", "")
        assert server.stop() == 0


def test_who_follows_outlasts_a_database_that_is_away(bare: Desk, postgres: PostgresServer) -> None:
    bare.settings = {"DENGLU_DATABASE_URL": postgres.create_database()}
    bare.settings |= {f"DENGLU_DATABASE_{name}_TIMEOUT": "0.5" for name in TIMES}
    bare.ok("migrate")
    bare.add("ming")
    with following(bare, "--json") as process:
        assert next_line(process)["event"] == "member_added"
        assert process.stderr is not None
        with postgres.paused():
            said = process.stderr.readline()
            assert said == "denglu: the database does not answer; still trying\n"
        bare.ok("member", "disable", "ming", database_statement_timeout="3")
        assert next_line(process)["event"] == "member_disabled"


def test_a_reader_who_has_seen_enough_ends_it(desk: Desk) -> None:
    desk.add("ming")
    with following(desk, "--json") as process:
        assert process.stdout is not None
        assert next_line(process)["event"] == "member_added"
        process.stdout.close()
        desk.ok("member", "disable", "ming")
        assert process.wait(20) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.stdout = open(os.devnull)  # noqa: SIM115 - for communicate()


@pytest.mark.parametrize("url", ["postgres_url", "mysql_url"])
def test_the_trail_of_a_network_database_is_read_alike(
    bare: Desk, url: str, request: pytest.FixtureRequest
) -> None:
    bare.settings = {"DENGLU_DATABASE_URL": str(request.getfixturevalue(url))}
    bare.settings["DENGLU_SECRET_KEY"] = "s" * 32
    bare.near = True
    bare.ok("migrate")
    bare.add("ming", "--mobile", "13800000000")
    with bare.serving() as server:
        a_locked_out_member(bare, server)
        assert events(bare, "13800000000") == LOCKED_OUT
        assert events(bare, "--since", "1h", "--event", "login_failed") == ["login_failed"] * 6
        with following(bare, "--json", "--event", "member_disabled") as process:
            bare.ok("member", "disable", "ming")
            assert next_line(process)["event"] == "member_disabled"
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=20) == ("", "")
            assert process.returncode == 0
        assert server.stop() == 0


def test_every_event_is_explained_in_both_languages(bare: Desk) -> None:
    assert list(MEANINGS) == list(Event)
    said = bare.ok("audit", "--list-events").splitlines()
    page = DOCS.read_text("utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    for number, (event, meaning) in enumerate(MEANINGS.items()):
        assert said[2 * number].split(maxsplit=1) == [event, meaning.en]
        assert said[2 * number + 1].strip() == meaning.zh
        assert table[event] == f"{meaning.en} | {meaning.zh}"
    assert set(table) == set(MEANINGS)
