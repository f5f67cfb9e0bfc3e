"""Wrong settings: every fault is told at once, one a line, and nothing is begun."""

import pytest

from tests.cli.desk import Desk

WRONG = {
    "sms_code_ttl": "10",
    "refresh_window": "61",
    "wire": "yii",
    "sms_gateways": "carrier-pigeon",
    "no_such_thing": "1",
}
ELSEWHERE = ("--host", "0.0.0.0", "--port", "0")


@pytest.mark.parametrize(
    "command",
    ["serve", "migrate", "member list", "member show ming", "session list ming"],
)
def test_every_command_lists_all_wrong_settings(bare: Desk, command: str) -> None:
    bare.near = True
    done = bare.run(*command.split(), **WRONG)
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert len(lines) == len(WRONG)
    for name in WRONG:
        assert sum(f"DENGLU_{name.upper()}" in line for line in lines) == 1, lines
    assert all(line.startswith("denglu: DENGLU_") for line in lines)
    assert list(bare.folder.iterdir()) == []


def test_a_wrong_line_in_the_file_is_told_with_the_rest(bare: Desk) -> None:
    (bare.folder / "denglu.toml").write_text('keep_alive = 0\nwire = "rageframe"\n')
    done = bare.run("serve", sms_code_ttl="10")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert "DENGLU_KEEP_ALIVE=0 (from denglu.toml)" in done.stderr


def test_a_server_that_others_can_reach_wants_a_key_a_true_clock_and_a_real_gateway(
    desk: Desk,
) -> None:
    (desk.folder / "denglu.db.key").unlink()
    done = desk.run("serve", *ELSEWHERE, test_clock_file="clock")
    assert (done.returncode, done.stdout) == (2, "")
    told = done.stderr.splitlines()
    assert [line.split(":")[1].split("=")[0].strip() for line in told] == [
        "DENGLU_SECRET_KEY",
        "DENGLU_TEST_CLOCK_FILE",
        "DENGLU_SMS_GATEWAYS",
    ]
    assert not (desk.folder / "denglu.db.key").exists()


def test_the_test_clock_is_refused_off_loopback_and_taken_on_it(desk: Desk) -> None:
    (desk.folder / "clock").write_text("0")
    safe = {"secret_key": "s" * 32, "sms_cleartext": "accept", "test_clock_file": "clock"}
    line = desk.fault("serve", *ELSEWHERE, code=2, **safe)
    assert line.startswith("DENGLU_TEST_CLOCK_FILE=")
    with desk.serving(**safe) as server:
        assert server.stop() == 0


def test_a_missing_key_is_refused_off_loopback(desk: Desk) -> None:
    line = desk.fault("serve", *ELSEWHERE, code=2, sms_cleartext="accept")
    assert line.startswith("DENGLU_SECRET_KEY: not set")


def test_a_key_that_others_can_read_stops_the_server(desk: Desk) -> None:
    (desk.folder / "denglu.db.key").chmod(0o644)
    line = desk.fault("serve", "--port", "0", code=2)
    assert line.endswith(f"chmod 600 {desk.folder / 'denglu.db.key'}")


def test_commands_on_members_need_no_key(desk: Desk) -> None:
    (desk.folder / "denglu.db.key").unlink()
    desk.add("ming")
    desk.ok("member", "show", "ming")
    assert not (desk.folder / "denglu.db.key").exists()
