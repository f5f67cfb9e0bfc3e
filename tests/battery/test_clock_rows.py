"""Row F12: the machine's clock jumps, forward and back, while the server runs.

Where other tests move the time that the server tells, here the machine's own clock moves
beneath it: the second number of the test clock's file.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.battery.client import Client, fresh_mobile
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import PASSWORD, Server, running

ACCESS_LIFE = 7200
CODE_LIFE = 300
COOLDOWN = 60
HOUR = 3600
DAY = 86400
TEN_YEARS = 10 * 365 * 86400


class Machine:
    """A server, a client, and the clock of the machine that the server runs on."""

    def __init__(self, server: Server, client: Client) -> None:
        self.server = server
        self.client = client

    def jump(self, seconds: int) -> None:
        """Set the machine's clock so many seconds off the true time."""
        temporary = self.server.folder / "clock.new"
        temporary.write_text(f"0 {seconds}")
        temporary.replace(self.server.folder / "clock")

    def try_code(self, mobile: str, code: str) -> str | None:
        """Why a login with a code is refused."""
        body = {"mobile": mobile, "code": code, "group": "pc"}
        return self.client.site("mobile-login", body).reason


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with (
        running(tmp_path_factory.mktemp("clock"), trusted_proxies="127.0.0.1") as server,
        Client(server) as client,
    ):
        yield Machine(server, client)
        assert server.troubles() == []


@pytest.mark.parametrize("back", [0, -HOUR, -TEN_YEARS])
def test_F12_a_clock_set_back_makes_no_code_or_token_good_again(
    machine: Machine, record: Record, back: int
) -> None:
    client, mobile = machine.client, fresh_mobile()
    grant = client.register(mobile).data
    machine.jump(COOLDOWN)
    code = client.code_for(mobile, "login")
    machine.jump(COOLDOWN + CODE_LIFE)
    assert machine.try_code(mobile, code) == "bad_code"
    machine.jump(ACCESS_LIFE + COOLDOWN)
    assert client.who_am_i(grant["access_token"]).reason == "token_expired"

    machine.jump(back)
    assert machine.try_code(mobile, code) == "bad_code"
    assert client.who_am_i(grant["access_token"]).reason == "token_expired"
    # Nor does it end what is good: a refresh token lives for weeks, a password for ever.
    assert client.refresh(grant["refresh_token"]).code == 200
    assert client.login(mobile, PASSWORD).code == 200
    record("F12", tried=f"clock set to {back} s of the true time after two hours",
           figure="expired code and token stay refused, refresh and login go on")  # fmt: skip


@pytest.mark.parametrize("back", [-HOUR, -TEN_YEARS])
def test_F12_a_clock_set_back_makes_no_cooldown_longer(machine: Machine, back: int) -> None:
    client, mobile = machine.client, fresh_mobile()
    client.code_for(mobile, "login")
    machine.jump(back)
    body = {"mobile": mobile, "usage": "login"}
    told = client.site("sms-code", body)
    assert told.reason == "sms_too_frequent"
    assert 0 < told.data["retry_after"] <= COOLDOWN
    # A server that starts on such a machine runs on from where it was, unless that is days away:
    # then it believes the machine, and no cooldown from the future.
    machine.server.restart()
    told = client.site("sms-code", body)
    if back < -DAY:
        assert told.code == 200
    else:
        assert told.reason == "sms_too_frequent"
        assert 0 < told.data["retry_after"] <= COOLDOWN


def test_F12_a_restart_on_a_clock_set_back_makes_nothing_good_again(
    tmp_path: Path, kind: str, database_for: DatabaseFor, record: Record
) -> None:
    """The new process goes on from the newest time that the one before it wrote down."""
    site = {"trusted_proxies": "127.0.0.1"} | database_for(kind)
    with running(tmp_path, **site) as server, Client(server) as client:
        machine, mobile = Machine(server, client), fresh_mobile()
        grant = client.register(mobile).data
        machine.jump(COOLDOWN)
        code = client.code_for(mobile, "login")
        machine.jump(ACCESS_LIFE + COOLDOWN)
        assert client.who_am_i(grant["access_token"]).reason == "token_expired"
        server.restart()  # which writes down how late it is
        server.kill()
        machine.jump(0)
        server.start()
        assert client.who_am_i(grant["access_token"]).reason == "token_expired"
        assert machine.try_code(mobile, code) == "bad_code"
        # What is good goes on, and a cooldown is no longer than ever.
        assert client.refresh(grant["refresh_token"]).code == 200
        assert client.login(mobile, PASSWORD).code == 200
        body = {"mobile": mobile, "usage": "login"}
        assert client.site("sms-code", body).code == 200
        assert 0 < client.site("sms-code", body).data["retry_after"] <= COOLDOWN
        # The machine is believed again once its clock is right.
        machine.jump(ACCESS_LIFE + 2 * COOLDOWN)
        assert client.site("sms-code", body).code == 200
    record("F12", tried=f"{kind}: server killed, and started with its clock set back by two hours",
           figure="expired code and token stay refused, refresh, login and codes go on"
    )  # fmt: skip


_ZONES = ("Asia/Shanghai", "America/New_York", "Pacific/Kiritimati", "Europe/Berlin")


def test_F12_the_time_zone_changes_nothing(tmp_path: Path, record: Record) -> None:
    """A restart in another zone, and both sides of the hours that daylight saving moves."""
    with running(tmp_path, trusted_proxies="127.0.0.1") as server, Client(server) as client:
        mobile = fresh_mobile()
        grant = client.register(mobile).data
        for zone in _ZONES:
            server.settings["TZ"] = zone
            server.restart()
            assert client.who_am_i(grant["access_token"]).code == 200
        # In Berlin the hour before this moment comes twice, and the one after the other never.
        for change in (1_919_293_200, 1_932_598_800):  # 2030-10-27 and 2031-03-30, 01:00 UTC
            server.set_now(change - 2)
            grant = client.login(mobile, PASSWORD).data
            for later in (1, 3602, ACCESS_LIFE - 60):
                server.set_now(change + later)
                assert client.who_am_i(grant["access_token"]).code == 200
            server.set_now(change + ACCESS_LIFE)
            assert client.who_am_i(grant["access_token"]).reason == "token_expired"
    record("F12", tried=f"restarts in {len(_ZONES)} time zones; daylight saving begins and ends",
           figure="tokens live exactly as long")  # fmt: skip


@pytest.mark.parametrize("ahead", [HOUR, TEN_YEARS])
def test_F12_a_clock_that_jumps_ahead_ends_what_is_over_and_crashes_nothing(
    machine: Machine, ahead: int
) -> None:
    client, mobile = machine.client, fresh_mobile()
    grant = client.register(mobile).data
    machine.jump(COOLDOWN)
    code = client.code_for(mobile, "login")
    machine.jump(COOLDOWN + ahead)
    assert machine.try_code(mobile, code) == "bad_code"
    known = client.who_am_i(grant["access_token"])
    assert known.reason == (None if ahead < ACCESS_LIFE else "token_expired")
    again = client.login(mobile, PASSWORD)
    assert again.code == 200
    assert client.who_am_i(again.data["access_token"]).code == 200
    assert client.site("sms-code", {"mobile": mobile, "usage": "login"}).code == 200
