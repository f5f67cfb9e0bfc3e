"""Commands beside a running server: what they change holds at its next answer."""

import contextlib
import json

import apsw

from tests.cli.desk import Desk


def test_what_an_operator_does_holds_at_once(desk: Desk) -> None:
    desk.add("ming", "--mobile", "13800000000")
    with desk.serving() as server:
        desk.add("late")
        assert server.whoami(server.login("late")).code == 200

        phone, desktop = server.login("ming", "iOS"), server.login("13800000000", "pc")
        listed = desk.json("session", "list", "ming")
        assert [each["group"] for each in listed] == ["iOS", "pc"]
        assert list(listed[0]) == [
            "id",
            "group",
            "device",
            "ip",
            "created_at",
            "refreshed_at",
            "access_expires_at",
            "refresh_expires_at",
            "absolute_expires_at",
        ]
        assert listed[0]["ip"] == "127.0.0.1"
        table = desk.ok("session", "list", "ming").splitlines()
        assert [row.split()[1] for row in table] == ["GROUP", "iOS", "pc"]
        assert desk.json("member", "show", "ming")["visit_count"] == 2

        assert desk.json("session", "revoke", "ming", "--group", "iOS") == {
            "id": 1,
            "group": "iOS",
            "sessions_ended": 1,
        }
        assert server.whoami(phone).reason == "session_ended"
        assert server.whoami(phone).data["end_reason"] == "revoked"
        assert server.whoami(desktop).code == 200

        assert "1 session ended" in desk.ok("member", "disable", "ming")
        assert server.whoami(desktop).data["end_reason"] == "disabled"
        body = {"username": "ming", "password": "moonlit-harbour-17", "group": "pc"}
        assert server.call("/v1/site/login", body).reason == "bad_credentials"

        desk.ok("member", "enable", "ming")
        assert server.whoami(desktop).reason == "session_ended"
        anew = server.login("ming")
        assert desk.ok("session", "revoke", "ming") == "1 session of member 1 (ming) ended\n"
        assert server.whoami(anew).reason == "session_ended"
        assert desk.json("session", "list", "ming") == []

        last = server.login("ming")
        assert desk.json("member", "delete", "13800000000", "--yes")["sessions_ended"] == 1
        assert server.whoami(last).reason == "session_ended"
        assert server.call("/v1/site/login", body).reason == "bad_credentials"
        assert server.stop() == 0
    events = rows(desk, "select event, note from audit_event where note = 'operator'")
    assert [event for event, _ in events].count("member_disabled") == 1
    assert {event for event, _ in events} >= {"member_added", "session_revoked", "member_deleted"}


def test_no_command_prints_what_a_token_could_be_made_of(desk: Desk) -> None:
    desk.add("ming")
    with desk.serving() as server:
        token = server.login("ming")
        printed = desk.ok("session", "list", "ming", "--json") + desk.ok("session", "list", "ming")
        printed += desk.ok("member", "show", "ming", "--json", "--reveal")
        assert server.stop() == 0
    assert token not in printed
    assert "argon2id$" not in printed
    nonces = rows(desk, "select hex(nonce), password_hash from session join member")
    assert nonces
    for secret in nonces[0]:
        assert str(secret).lower() not in printed.lower()


def test_a_group_is_meant_in_the_profiles_own_way(desk: Desk) -> None:
    desk.add("ming")
    assert "there is no group 'ios': known are default, pc," in desk.fault(
        "session", "revoke", "ming", "--group", "ios"
    )
    assert desk.json("session", "revoke", "ming", "--group", "ios", wire="rageframe")["group"] == (
        "iOS"
    )
    own = desk.json("session", "revoke", "ming", "--group", "tv", groups="tv:电视:2")
    assert own == {"id": 1, "group": "tv", "sessions_ended": 0}


def test_sessions_of_a_group_that_is_no_longer_configured_can_be_ended(desk: Desk) -> None:
    desk.add("ming")
    with desk.serving(groups="tv:电视:2") as server:
        server.login("ming", "tv")
        assert server.stop() == 0
    assert desk.json("session", "revoke", "ming", "--group", "tv")["sessions_ended"] == 1


def test_a_file_that_somebody_holds_is_busy_and_nothing_is_changed(desk: Desk) -> None:
    desk.add("ming")
    with contextlib.closing(apsw.Connection(str(desk.database))) as other:
        other.execute("begin immediate")
        line = desk.fault("member", "disable", "ming", sqlite_busy_timeout="1")
        assert line == "the database or the machine is busy: nothing was changed; try again"
        other.execute("rollback")
    assert desk.json("member", "show", "ming")["status"] == "enabled"


def test_a_migration_waits_for_no_server(desk: Desk) -> None:
    with desk.serving() as server:
        assert json.loads(desk.ok("migrate", "--json"))["migrated"] is False
        with contextlib.closing(apsw.Connection(str(desk.database))) as db:
            db.execute("update alembic_version set version_num = '0000'")
        assert "already served" in desk.fault("migrate")
        assert "stop the server and run `denglu migrate`" in desk.fault("member", "show", "1")
        assert server.stop() == 0


def rows(desk: Desk, sql: str) -> list[tuple[object, ...]]:
    """Read the file."""
    with contextlib.closing(apsw.Connection(str(desk.database))) as db:
        return db.execute(sql).fetchall()
