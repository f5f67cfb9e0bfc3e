"""Rows S: SMS codes against guessing, reuse, bombing and leaking."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.battery.client import Client, fresh_address, fresh_mobile, new_member, new_password
from tests.battery.conftest import Record
from tests.battery.harness import PASSWORD, Answer, Raw, Server
from tests.battery.rivals import events, hash_of, outcomes, rounds, rounds_told, site

USAGES = ("login", "register", "up-pwd", "up-pay-pwd", "reset-mobile", "binding-mobile")
OTHER_PASSWORD = "quiet-lantern-23"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def wrong_codes(right: str) -> Iterator[str]:
    """Every code but the right one, beside it first."""
    size = 10 ** len(right)
    return (f"{(int(right) + step) % size:0{len(right)}d}" for step in range(1, size))


def code_login(mobile: str, code: object, group: str = "pc") -> dict[str, object]:
    return {"mobile": mobile, "code": code, "group": group}


def member_with_code(client: Client, usage: str = "login") -> tuple[str, str]:
    """A new member's number, and a live code for it."""
    mobile = fresh_mobile()
    client.register(mobile)
    client.server.advance(61)
    return mobile, client.code_for(mobile, usage)


def guess(client: Client, mobile: str, codes: Iterator[str], count: int) -> int:
    """Try wrong codes one after the other; returns how many were compared."""
    before = events(client.server, "sms_code_compared")
    ip = fresh_address()
    for code in itertools.islice(codes, count):
        answer = client.site("mobile-login", code_login(mobile, code), ip=ip)
        assert answer.reason == "bad_code", answer.text
    return events(client.server, "sms_code_compared") - before


def test_S01_serial_code_guess(client: Client, record: Record) -> None:
    """200 wrong codes one after the other, then the right one."""
    mobile, code = member_with_code(client)
    compared = guess(client, mobile, wrong_codes(code), 200)
    record("S01", tried="200 wrong codes in turn, then the right one", figure=f"{compared} judged")
    assert compared == 5
    assert client.site("mobile-login", code_login(mobile, code)).reason == "bad_code"
    client.server.advance(61)
    code = client.code_for(mobile, "login")
    assert client.site("mobile-login", code_login(mobile, code)).code == 200


def test_S01_serial_guess_of_four_digits(rageframe: Server, record: Record) -> None:
    """Codes of four digits bear three tries."""
    with Client(rageframe) as client:
        mobile = fresh_mobile()
        client.register(mobile)
        rageframe.advance(61)
        code = client.code_for(mobile, "login")
        before = events(rageframe, "sms_code_compared")
        for wrong in itertools.islice(wrong_codes(code), 20):
            assert client.site("mobile-login", code_login(mobile, wrong)).code == 422
        compared = events(rageframe, "sms_code_compared") - before
        assert client.site("mobile-login", code_login(mobile, code)).code == 422
    record("S01", tried="20 wrong codes of four digits", figure=f"{compared} judged")
    assert compared == 3


def test_S02_parallel_code_guess(any_client: Client, record: Record) -> None:
    """200 wrong codes at once for one number, each from an address of its own."""
    client, server, judged = any_client, any_client.server, []
    for _ in range(rounds(server)):
        mobile, code = member_with_code(client)
        before = events(server, "sms_code_compared")
        guesses = itertools.islice(wrong_codes(code), 200)
        answers = server.race([site("mobile-login", code_login(mobile, g)) for g in guesses])
        judged.append(events(server, "sms_code_compared") - before)
        assert outcomes(answers) == {"bad_code": 200}
        assert client.site("mobile-login", code_login(mobile, code)).reason == "bad_code"
    record(
        "S02",
        tried=f"200 wrong codes at once, {rounds_told(server)}",
        figure=f"{min(judged)} to {max(judged)} judged a round",
    )
    assert set(judged) == {5}


@pytest.mark.parametrize(("age", "good"), [(299, True), (300, False), (301, False)])
def test_S07_code_expiry(client: Client, record: Record, age: int, good: bool) -> None:
    """A code is good for 300 seconds."""
    mobile, code = member_with_code(client)
    client.server.set_now(client.server.outbox(mobile)[-1]["sent_at"] + age)
    answer = client.site("mobile-login", code_login(mobile, code))
    record(
        "S07", tried="a code at the end of its life", figure=f"{age} s: {answer.reason or 'good'}"
    )
    assert (answer.code == 200) == good, answer.text
    assert good or answer.reason == "bad_code"


def test_S07_life_of_a_code_has_a_ceiling(tmp_path: Path, record: Record) -> None:
    """A server whose codes would live longer than ten minutes does not start."""
    done = Server(tmp_path, {"DENGLU_SMS_CODE_TTL": "601"}).cli("serve", "--port", "0")
    record("S07", tried="DENGLU_SMS_CODE_TTL=601", figure="does not start")
    assert done.returncode not in (0, None)
    assert "DENGLU_SMS_CODE_TTL=601" in done.stderr
    assert "600" in done.stderr


def _uses(mobile: str, code: str) -> dict[str, Raw]:
    """What a code can be used for, by usage."""
    return {
        "login": site("mobile-login", code_login(mobile, code)),
        "register": site("register", new_member(mobile, code)),
        "up-pwd": site("up-pwd", new_password(mobile, code, OTHER_PASSWORD)),
    }


def _send(server: Server, request: Raw) -> Answer:
    return server.race([request])[0]


@pytest.mark.parametrize("usage", USAGES)
def test_S08_code_for_another_usage(client: Client, record: Record, usage: str) -> None:
    """A code of every usage, used for every other, and for another number."""
    server, mobile, other = client.server, fresh_mobile(), fresh_mobile()
    if usage != "register":
        client.register(mobile)
    client.register(other)
    server.advance(61)
    code = client.code_for(mobile, usage)
    foreign = [request for name, request in _uses(mobile, code).items() if name != usage]
    foreign += _uses(other, code).values()
    refused = [_send(server, request).reason for request in foreign]
    assert set(refused) == {"bad_code"}
    used = [_send(server, r) for name, r in _uses(mobile, code).items() if name == usage]
    assert all(answer.code == 200 for answer in used), used
    record(
        "S08",
        tried="codes of six usages for every other usage and for another number",
        figure=f"{usage}: {len(refused)} of {len(foreign)} refused",
    )


@pytest.mark.parametrize(("usage", "other"), [("login", "up-pwd"), ("up-pwd", "login")])
def test_S08_code_for_another_usage_counts_as_a_try(
    client: Client, record: Record, usage: str, other: str
) -> None:
    """Where a code of the usage lives, another usage's code is a wrong try of it."""
    mobile, code = member_with_code(client, usage)
    client.server.advance(61)
    client.code_for(mobile, other)
    before = events(client.server, "sms_code_compared")
    for _ in range(6):
        assert _send(client.server, _uses(mobile, code)[other]).reason == "bad_code"
    compared = events(client.server, "sms_code_compared") - before
    record("S08", tried="a code six times against the live code of another usage",
           figure=f"{compared} tries counted")  # fmt: skip
    assert compared == 5


def test_S09_old_code_after_resend(client: Client, record: Record) -> None:
    """Of two codes only the newest is good."""
    mobile, first = member_with_code(client)
    client.server.advance(61)
    second = client.code_for(mobile, "login")
    if first == second:
        pytest.fail("one chance in a million: run again")
    assert client.site("mobile-login", code_login(mobile, first)).reason == "bad_code"
    assert client.site("mobile-login", code_login(mobile, second)).code == 200
    record("S09", tried="the code before the last one", figure="refused, the last one is good")


def test_S10_number_swapped_between_the_steps(client: Client, record: Record) -> None:
    """A's code sets no password for B, whether B has a live code or not."""
    server, victim = client.server, fresh_mobile()
    session = client.register(victim).data
    hashed = hash_of(server, victim)
    _, code = member_with_code(client, "up-pwd")
    refused = [client.site("up-pwd", new_password(victim, code, OTHER_PASSWORD)).reason]
    live = client.code_for(victim, "up-pwd")
    assert live != code
    refused.append(client.site("up-pwd", new_password(victim, code, OTHER_PASSWORD)).reason)
    assert refused == ["bad_code", "bad_code"]
    assert hash_of(server, victim) == hashed
    assert client.who_am_i(session["access_token"]).code == 200
    record("S10", tried="up-pwd of B with A's code", figure="refused twice, B's hash unchanged")


def _most_within(times: list[int], window: int) -> int:
    """The most messages in any window of so many seconds."""
    return max(sum(start <= at < start + window for at in times) for start in times)


def test_S11_sms_bombing(client: Client, record: Record) -> None:
    """100 sends in ten minutes to one number, then one every ten minutes for a day."""
    server, mobile = client.server, fresh_mobile()
    usages = itertools.cycle(USAGES)
    asked = 0
    for pause in [6] * 100 + [600] * 144:
        asked += 1
        answer = client.site("sms-code", {"mobile": mobile, "usage": next(usages)})
        if answer.code != 200:
            assert answer.reason == "sms_too_frequent", answer.text
            assert int(answer.headers["Retry-After"]) == answer.data["retry_after"] >= 1
        if asked == 100:
            assert len(server.outbox(mobile)) == 5
        server.advance(pause)
    times = [int(message["sent_at"]) for message in server.outbox(mobile)]
    most = [_most_within(times, window) for window in (_MINUTE, _HOUR, _DAY)]
    record("S11", tried=f"{asked} sends to one number in 24 hours, all usages",
           figure="at most {} a minute, {} an hour, {} a day".format(*most))  # fmt: skip
    assert most == [1, 5, 10]


def test_S11_waiting_as_told_is_enough(client: Client) -> None:
    """Who waits as long as retry_after says gets the next message, at every limit."""
    server, mobile = client.server, fresh_mobile()
    body = {"mobile": mobile, "usage": "login"}
    for _ in range(12):
        assert client.site("sms-code", body).code == 200
        refused = client.site("sms-code", body)
        assert refused.reason == "sms_too_frequent"
        server.advance(refused.data["retry_after"])


@pytest.mark.parametrize("usages", [("login",), USAGES], ids=["one usage", "all usages"])
def test_S12_parallel_sms_bombing(
    any_client: Client, record: Record, usages: tuple[str, ...]
) -> None:
    """50 sends at once to one number."""
    server, sent = any_client.server, []
    for _ in range(rounds(server)):
        mobile, cycle = fresh_mobile(), itertools.cycle(usages)
        bodies = [{"mobile": mobile, "usage": next(cycle)} for _ in range(50)]
        answers = server.race([site("sms-code", body) for body in bodies])
        assert outcomes(answers) == {"OK": 1, "sms_too_frequent": 49}
        assert all(a.data["retry_after"] >= 1 for a in answers if a.code != 200)
        sent.append(len(server.outbox(mobile)))
    record("S12", tried=f"50 sends at once, {len(usages)} usage(s), {rounds_told(server)}",
           figure=f"{max(sent)} message a round")  # fmt: skip
    assert set(sent) == {1}


def _spellings(mobile: str) -> list[str]:
    """One number as people, pasted text and attackers write it."""
    groups = (mobile[:3], mobile[3:7], mobile[7:])
    prefixes = ("+86", "0086", "86", "+86 ", "+86-", "(+86)", "+0086", "+8686", "086")
    others = {ord("0") + n: chr(0xFF10 + n) for n in range(10)}
    arabic = {ord("0") + n: chr(0x0660 + n) for n in range(10)}
    return [
        mobile,
        *(prefix + mobile for prefix in prefixes),
        *(separator.join(groups) for separator in "- .\t\u00a0\u2011"),
        *(mobile + end for end in ("\n", "\r\n", " ", "\u2028", "\0", "\u200b", ";ext=1")),
        *(start + mobile for start in (" ", "\u200b", "\ufeff", "'", "%2B86")),
        *(mobile.translate(digits) for digits in (others, arabic)),
        mobile[:-1] + chr(0xFF10 + int(mobile[-1])),
        f"{mobile},{mobile}",
    ]


def test_S13_number_aliasing(any_client: Client, record: Record) -> None:
    """However a number is written, it has one cooldown, or is no number."""
    server, mobile = any_client.server, fresh_mobile()
    requests = [site("sms-code", {"mobile": text, "usage": "login"}) for text in _spellings(mobile)]
    serial = outcomes([_send(server, request) for request in requests])
    server.advance(_HOUR)
    parallel = outcomes(server.race(requests))
    for counted in (serial, parallel):
        assert counted.pop("OK") == 1
        assert set(counted) == {"sms_too_frequent", "invalid_mobile"}
    assert serial == parallel
    digits = mobile[-8:]
    written = [m for m in server.outbox() if digits in m["mobile"]]
    record("S13", tried=f"one number in {len(requests)} spellings, in turn and at once",
           figure=f"{serial['sms_too_frequent']} met the cooldown, "
           f"{serial['invalid_mobile']} are no number")  # fmt: skip
    assert [m["mobile"] for m in written] == [mobile, mobile]


def _whole(answer: Answer) -> str:
    """Everything the client gets, but random hexadecimal ids, which look like digits."""
    kept = {k: v for k, v in answer.headers.items() if k.lower() != "x-request-id"}
    return f"{kept} {answer.text}"


@pytest.mark.parametrize("profile", ["server", "rageframe"])
def test_S17_code_in_the_answer(
    request: pytest.FixtureRequest, record: Record, profile: str
) -> None:
    """No answer to a request for a code holds the code."""
    server: Server = request.getfixturevalue(profile)
    with Client(server) as client:
        for usage, known in itertools.product(USAGES, (True, False)):
            mobile = fresh_mobile()
            if known:
                client.register(mobile)
                server.advance(61)
            answer = client.site("sms-code", {"mobile": mobile, "usage": usage})
            assert answer.code == 200, answer.text
            stamp = str(answer.body.get("timestamp", "no stamp"))
            assert str(server.outbox(mobile)[-1]["code"]) not in _whole(answer).replace(stamp, "")
            again = client.site("sms-code", {"mobile": mobile, "usage": usage})
            assert again.code == 422
    record("S17", tried=f"answers to sms-code, six usages, known and unknown ({profile})",
           figure="no code in any")  # fmt: skip


@pytest.mark.parametrize("gateway", ["console", "outbox"])
def test_S17_codes_in_clear_only_on_loopback(tmp_path: Path, record: Record, gateway: str) -> None:
    """A server that others can reach does not start with a gateway that shows codes."""
    settings = {
        "DENGLU_SMS_GATEWAYS": gateway,
        "DENGLU_SECRET_KEY": PASSWORD * 3,
        "DENGLU_TEST_CLOCK_FILE": "",
    }
    done = Server(tmp_path, settings).cli("serve", "--host", "0.0.0.0", "--port", "0")
    record("S17", tried="console and outbox on 0.0.0.0", figure=f"{gateway}: does not start")
    assert done.returncode not in (0, None)
    assert "DENGLU_SMS_GATEWAYS" in done.stderr
    assert "DENGLU_SECRET_KEY:" not in done.stderr
