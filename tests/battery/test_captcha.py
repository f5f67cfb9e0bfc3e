"""The captcha on the real server: asked of suspicious callers, solved, spent once, and no more.

What is suspicious, and which limits hold whatever a captcha says, are the rows of passwords and
of SMS; here is what a token is worth.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.captcha_login import solve
from tests.battery.client import fresh_address
from tests.battery.conftest import DatabaseFor
from tests.battery.harness import PASSWORD, Answer, Server, running
from tests.battery.rivals import only_winner, outcomes, rounds, site
from tests.captcha.emulators import APP_KEY, GeetestService, serving

EXAMPLES = Path(__file__).parents[2] / "examples"
MOBILE = "13800000001"
RIVALS = 6
# One wrong password makes an address suspicious; so many numbers do.
SUSPICIOUS = {"login_suspicion_rates": "1/30m", "sms_address_rates": "100/1h"}
POW = {"captcha": "pow", "captcha_difficulty": "1000", "trusted_proxies": "127.0.0.1"}
NUMBERS = 10


@pytest.fixture(scope="module")
def asking(
    tmp_path_factory: pytest.TempPathFactory, kind: str, database_for: DatabaseFor
) -> Iterator[Server]:
    """A server with a proof of work and one member, on each database."""
    folder = tmp_path_factory.mktemp(f"captcha-{kind}")
    with running(folder, **POW, **SUSPICIOUS, **database_for(kind)) as started:
        started.add_member("demo", MOBILE)
        yield started
        started.set_clock(0)


def log_in(server: Server, ip: str, token: str = "", password: str = PASSWORD) -> Answer:
    """A login from an address."""
    body = {"username": "demo", "password": password, "group": "pc"}
    body |= {"captcha_token": token} if token else {}
    return server.post("login", body, headers={"X-Forwarded-For": ip})


def suspicious(server: Server) -> str:
    """A new address whose next logins need a captcha."""
    ip = fresh_address()
    # Under a name that nobody has, so that no account is locked on the way.
    body = {"username": f"nobody-{ip}", "password": "wrong", "group": "pc"}
    answer = server.post("login", body, headers={"X-Forwarded-For": ip})
    assert answer.reason == "bad_credentials"
    return ip


def challenge(answer: Answer) -> dict[str, Any]:
    """What a refused caller is asked to solve."""
    assert answer.reason == "captcha_required", answer.text
    captcha = answer.data["captcha"]
    assert captcha["kind"] == "pow"
    return dict(captcha["challenge"])


def token_for(server: Server, ip: str) -> str:
    """A good token, obtained as a client obtains it."""
    return solve(challenge(log_in(server, ip)))


def test_two_uses_of_one_token_at_once_let_one_in(asking: Server) -> None:
    for _ in range(rounds(asking)):
        ip = suspicious(asking)
        token = token_for(asking, ip)
        body = {"username": "demo", "password": PASSWORD, "group": "pc", "captcha_token": token}
        answers = asking.race([site("login", body, ip=ip)] * RIVALS)
        only_winner(answers, "captcha_required")
        assert log_in(asking, ip, token).reason == "captcha_required"


def test_a_wrong_password_spends_the_token_as_well(asking: Server) -> None:
    ip = suspicious(asking)
    token = token_for(asking, ip)
    assert log_in(asking, ip, token, password="wrong").reason == "bad_credentials"
    assert log_in(asking, ip, token).reason == "captcha_required"
    assert log_in(asking, ip, token_for(asking, ip)).code == 200


def test_a_token_for_one_endpoint_is_spent_for_the_other_too(asking: Server) -> None:
    ip = suspicious(asking)
    token = token_for(asking, ip)
    assert log_in(asking, ip, token).code == 200
    messages = [
        {"mobile": f"139{n:08d}", "usage": "login", "captcha_token": token if n == 99 else ""}
        for n in (*range(NUMBERS), 99)
    ]
    found = [asking.post("sms-code", m, headers={"X-Forwarded-For": ip}) for m in messages]
    assert outcomes(found) == {"OK": NUMBERS, "captcha_required": 1}
    fresh = messages[-1] | {"captcha_token": solve(challenge(found[-1]))}
    assert asking.post("sms-code", fresh, headers={"X-Forwarded-For": ip}).code == 200


def test_a_challenge_expires_after_two_minutes(asking: Server) -> None:
    ip = suspicious(asking)
    early, late = token_for(asking, ip), token_for(asking, ip)
    asking.advance(110)
    assert log_in(asking, ip, early).code == 200
    asking.advance(11)
    assert log_in(asking, ip, late).reason == "captcha_required"
    asking.set_clock(0)


def test_a_phone_may_change_its_address_between_challenge_and_login(asking: Server) -> None:
    token = token_for(asking, suspicious(asking))
    elsewhere = suspicious(asking)
    assert log_in(asking, elsewhere).reason == "captcha_required"
    assert log_in(asking, elsewhere, token).code == 200


def test_a_restart_forgets_no_spent_token_and_voids_no_fresh_one(asking: Server) -> None:
    ip = suspicious(asking)
    spent, fresh = token_for(asking, ip), token_for(asking, ip)
    assert log_in(asking, ip, spent).code == 200
    asking.restart()
    assert log_in(asking, ip, spent).reason == "captcha_required"
    assert log_in(asking, ip, fresh).code == 200


def test_good_tokens_open_no_closed_account(asking: Server) -> None:
    ip = suspicious(asking)
    body = {"username": "nobody-at-all", "password": "wrong", "group": "pc"}
    tokens = [token_for(asking, ip) for _ in range(7)]
    found = [
        asking.post("login", body | {"captcha_token": t}, headers={"X-Forwarded-For": ip})
        for t in tokens
    ]
    assert outcomes(found) == {"bad_credentials": 5, "too_many_attempts": 2}
    # A closed account is not asked for a captcha that would not open it.
    closed = asking.post("login", body, headers={"X-Forwarded-For": ip})
    assert closed.reason == "too_many_attempts"


def test_a_challenge_of_another_server_is_worth_nothing(tmp_path: Path) -> None:
    keys = {name: name * 32 for name in "ab"}
    folders = {name: tmp_path / name for name in keys}
    for folder in folders.values():
        folder.mkdir()
    tokens, servers = {}, {}
    with (
        running(folders["a"], **POW, **SUSPICIOUS, secret_key=keys["a"]) as servers["a"],
        running(folders["b"], **POW, **SUSPICIOUS, secret_key=keys["b"]) as servers["b"],
    ):
        for name, server in servers.items():
            server.add_member("demo", MOBILE)
            tokens[name] = token_for(server, suspicious(server))
        for name, other in (("a", "b"), ("b", "a")):
            ip = suspicious(servers[name])
            assert log_in(servers[name], ip, tokens[other]).reason == "captcha_required"
            assert log_in(servers[name], ip, tokens[name]).code == 200


def test_the_example_logs_in_where_it_is_asked_for_a_proof(tmp_path: Path) -> None:
    with running(tmp_path, captcha="pow", login_suspicion_rates="1/30m") as server:
        server.add_member("demo", MOBILE)
        assert server.login("demo", "wrong").reason == "bad_credentials"
        assert server.login("demo").reason == "captcha_required"

        def walk(password: str) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                [sys.executable, str(EXAMPLES / "captcha_login.py"), server.url, "demo"],
                input=password + "\n",
                env={"PATH": os.environ["PATH"]},
                capture_output=True,
                text=True,
                timeout=60,
            )

        walked = walk(PASSWORD)
        assert walked.returncode == 0, walked.stdout + walked.stderr
        assert json.loads(walked.stdout)["data"]["access_token"]
        wrong = walk("wrong")
        assert wrong.returncode == 1
        assert json.loads(wrong.stdout)["data"]["reason"] == "bad_credentials"


def test_a_service_judges_and_where_it_is_silent_nobody_waits_long(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(APP_KEY, "utf-8")
    with serving(GeetestService()) as geetest:
        chosen = {
            "captcha": "geetest",
            "captcha_id": "c0ffee",
            "captcha_key_file": str(tmp_path / "key"),
            "captcha_endpoint": geetest.url,
        }
        with running(tmp_path, **chosen, **SUSPICIOUS) as server:
            server.add_member("demo", MOBILE)
            assert server.login("demo", "wrong").reason == "bad_credentials"
            asked = server.login("demo")
            assert asked.reason == "captcha_required"
            assert asked.data["captcha"] == {"kind": "geetest", "captcha_id": "c0ffee"}
            token = {"captcha_output": "o", "pass_token": "p", "gen_time": "1"}
            body = {"username": "demo", "password": PASSWORD, "group": "pc"}
            body["captcha_token"] = json.dumps(token | {"lot_number": "lot"})
            assert server.post("login", body).reason == "captcha_required"
            geetest.passes.add("lot")
            assert server.post("login", body).code == 200
            geetest.mode = "silent"
            body["captcha_token"] = json.dumps(token | {"lot_number": "another"})
            busy = server.post("login", body)
            assert (busy.code, busy.reason, busy.data["retry_after"]) == (503, "busy", 3)
            assert not geetest.gave_up
            assert "the captcha service cannot be asked" in server.log
            assert APP_KEY not in server.log
            geetest.woken.set()
