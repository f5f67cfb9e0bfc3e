"""Nobody learns from an answer, nor from its time, who is a member here (rows E)."""

import json
import time
from collections.abc import Callable, Mapping

import pytest

from tests.battery.client import Client, fresh_address, fresh_mobile, new_member, new_password
from tests.battery.harness import PASSWORD, Answer, running

SAMPLES = 300
USAGES = ("login", "register", "up-pwd", "up-pay-pwd", "reset-mobile", "binding-mobile",
          "cancel")  # fmt: skip


def clone(client: Client, mobile: str, names: list[str], **columns: object) -> None:
    """Members like the one with this mobile, with other names and other columns."""
    found = client.server.rows("select * from member where mobile = ?", mobile)[0]
    titles = [row[1] for row in client.server.rows("pragma table_info(member)")]
    row = dict(zip(titles, found, strict=True)) | columns
    del row["id"]
    places = ",".join("?" * len(row))
    for name in names:
        row |= {"username": name, "username_key": name, "mobile": "", "mobile_key": None}
        sql = f"insert into member ({','.join(row)}) values ({places})"
        client.server.rows(sql, *row.values())


def what_is_seen(answer: Answer) -> tuple[object, ...]:
    """All of an answer but the time and the number of the request."""
    headers = {k.lower(): v for k, v in answer.headers.items()}
    headers = {k: v for k, v in headers.items() if k not in ("x-request-id", "date")}
    body = dict(answer.body)
    assert body.pop("timestamp", 0) >= 0
    assert len(body.pop("req_id", "0" * 32)) == 32
    return answer.status, headers, json.dumps(body, ensure_ascii=False)


def assert_all_alike(answers: Mapping[str, Answer], reason: str, message: str) -> None:
    seen = {name: what_is_seen(answer) for name, answer in answers.items()}
    first = next(iter(seen.values()))
    assert {name: found for name, found in seen.items() if found != first} == {}
    for answer in answers.values():
        assert (answer.code, answer.body["message"]) == (422, message)
        assert answer.reason in (reason, None)


def auc(left: list[float], right: list[float]) -> float:
    """How often a value of the right beats one of the left: 0.5 tells nothing."""
    ranked = sorted([(value, 0) for value in left] + [(value, 1) for value in right])
    below, beaten = 0, 0
    for _, side in ranked:
        below += side == 0
        beaten += below if side else 0
    return beaten / (len(left) * len(right))


def interleaved(*arms: Callable[[int], Answer]) -> list[list[float]]:
    """Seconds of SAMPLES calls of each arm, taken in turns, the order changing each time."""
    times: list[list[float]] = [[] for _ in arms]
    for number in range(SAMPLES):
        order = range(len(arms)) if number % 2 else reversed(range(len(arms)))
        for arm in order:
            begun = time.perf_counter()
            answer = arms[arm](number)
            times[arm].append(time.perf_counter() - begun)
            assert answer.code == 422, answer.text
    return times


def test_E01_a_wrong_password_and_an_unknown_name_get_one_answer(each_client: Client) -> None:
    client = each_client
    mobile = fresh_mobile()
    client.register(mobile)
    clone(client, mobile, ["alice"])
    assert_all_alike(
        {
            "member by name": client.login("alice", "wrong-password-1"),
            "member by mobile": client.login(mobile, "wrong-password-1"),
            "unknown name": client.login("nobody", "wrong-password-1"),
            "unknown mobile": client.login(fresh_mobile(), "wrong-password-1"),
            "unknown e-mail": client.login("nobody@example.com", "wrong-password-1"),
            "no password it could be": client.login("alice", "x" * 4000),
            "unknown, no password": client.login("nobody", "x" * 4000),
        },
        "bad_credentials",
        "用户名或密码错误",
    )


def test_E02_members_who_may_not_log_in_get_the_answer_of_a_wrong_password(
    each_client: Client,
) -> None:
    client = each_client
    mobile = fresh_mobile()
    client.register(mobile)
    clone(client, mobile, ["able"])
    clone(client, mobile, ["disabled"], status=0)
    clone(client, mobile, ["deleted"], status=-1)
    clone(client, mobile, ["never-had-one"], password_hash=None)
    clone(client, mobile, ["merchant-user"], type=3)
    answers = {"wrong password": client.login("able", "wrong-password-1")}
    for name in ("disabled", "deleted", "never-had-one", "merchant-user"):
        answers[f"{name}, right password"] = client.login(name, PASSWORD)
        answers[f"{name}, wrong password"] = client.login(name, "wrong-password-1")
    assert_all_alike(answers, "bad_credentials", "用户名或密码错误")
    assert client.login("able").code == 200


def test_E03_asking_for_a_code_says_nothing_about_the_number(each_client: Client) -> None:
    client = each_client
    member = fresh_mobile()
    client.register(member)
    for number, usage in enumerate(USAGES, 1):
        client.server.set_clock(number * 3600)
        known = client.site("sms-code", {"mobile": member, "usage": usage})
        unknown = client.site("sms-code", {"mobile": fresh_mobile(), "usage": usage})
        assert known.code == 200
        assert what_is_seen(known) == what_is_seen(unknown)


def test_E05_without_a_right_code_a_registration_never_says_that_the_number_is_taken(
    each_client: Client,
) -> None:
    client = each_client
    taken, free = fresh_mobile(), fresh_mobile()
    client.register(taken)
    answers = {}
    for name, mobile in (("taken", taken), ("free", free)):
        for code in ("000000", "0000", "1", 1234, "abcdef"):
            body = new_member(mobile, "") | {"code": code}
            answers[f"{name} without a code, {code}"] = client.site("register", body)
    client.server.set_clock(61)
    codes = {mobile: client.code_for(mobile, "register") for mobile in (taken, free)}
    for name, mobile in (("taken", taken), ("free", free)):
        body = new_member(mobile, wrong(codes[mobile]))
        answers[f"{name} with a wrong code"] = client.site("register", body)
    assert_all_alike(answers, "bad_code", "验证码错误")

    told = client.site("register", new_member(taken, codes[taken]))
    assert (told.code, told.body["message"]) == (422, "此手机号码已存在。")
    assert client.site("register", new_member(free, codes[free])).code == 200


def test_E06_a_number_without_a_member_is_told_only_to_who_owns_it(each_client: Client) -> None:
    client = each_client
    member, stranger = fresh_mobile(), fresh_mobile()
    client.register(member)
    for number, (endpoint, usage) in enumerate((("mobile-login", "login"), ("up-pwd", "up-pwd"))):
        client.server.set_clock(61 * (number + 1))
        codes = {mobile: client.code_for(mobile, usage) for mobile in (member, stranger)}
        wrongly = {
            mobile: client.site(endpoint, new_password(mobile, wrong(code)))
            for mobile, code in codes.items()
        }
        assert_all_alike(wrongly, "bad_code", "验证码错误")
        told = client.site(endpoint, new_password(stranger, codes[stranger]))
        assert (told.code, told.body["message"]) == (422, "找不到用户")
        assert client.site(endpoint, new_password(member, codes[member])).code == 200


def test_E07_a_name_that_nobody_has_is_locked_like_any_other(each_client: Client) -> None:
    client = each_client
    mobile = fresh_mobile()
    client.register(mobile)
    clone(client, mobile, ["locked"])
    address = fresh_address()
    waits = {}
    for name in ("locked", "nobody-to-lock"):
        for _ in range(5):
            assert client.login(name, "wrong-password-1", ip=address).code == 422
        closed = client.login(name, "wrong-password-1", ip=address)
        assert (closed.code, closed.reason) == (429, "too_many_attempts")
        waits[name] = closed.data.pop("retry_after")
        assert closed.data.pop("message", "") in ("", "操作过于频繁，请稍后再试")
    # The second began a moment after the first, so that its wait may be a second longer.
    assert max(waits.values()) - min(waits.values()) <= 1
    assert max(waits.values()) <= 900


def wrong(code: str) -> str:
    """Another code of the same length."""
    return code[:-1] + str((int(code[-1]) + 1) % 10)


@pytest.fixture(scope="module")
def times(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    """Seconds of failures by kind of member, SAMPLES of each, taken in turns."""
    kinds: dict[str, dict[str, object]] = {
        "wrong": {},
        "disabled": {"status": 0},
        "deleted": {"status": -1},
        "bare": {"password_hash": None},
    }
    with (
        running(tmp_path_factory.mktemp("timed"), trusted_proxies="127.0.0.1") as server,
        Client(server) as client,
    ):
        mobile = fresh_mobile()
        client.register(mobile)
        # One sample a member: nobody gets near a limit, which would answer at once.
        for kind, columns in kinds.items():
            clone(client, mobile, [f"{kind}-{n}" for n in range(SAMPLES)], **columns)
        measured = interleaved(
            lambda n: client.login(f"nobody-{n}", PASSWORD),
            lambda n: client.login(f"wrong-{n}", "wrong-password-1"),
            lambda n: client.login(f"disabled-{n}", PASSWORD),
            lambda n: client.login(f"deleted-{n}", PASSWORD),
            lambda n: client.login(f"bare-{n}", PASSWORD),
        )
    return dict(zip(("nobody", *kinds), measured, strict=True))


@pytest.mark.measured
def test_E01_the_time_of_a_wrong_password_and_an_unknown_name(
    times: dict[str, list[float]], record: Callable[..., None]
) -> None:
    tried = f"unknown name against wrong password, {SAMPLES} samples each, in turns"
    figure = f"AUC {auc(times['wrong'], times['nobody']):.3f} (0.40–0.60)"
    record("E01", tried=tried, figure=figure)


@pytest.mark.measured
def test_E02_the_time_of_members_who_may_not_log_in(
    times: dict[str, list[float]], record: Callable[..., None]
) -> None:
    tried = f"members who may not log in against wrong password, {SAMPLES} samples each, in turns"
    figures = [f"{kind} {auc(times['wrong'], times[kind]):.3f}" for kind in list(times)[2:]]
    record("E02", tried=tried, figure=f"AUC {', '.join(figures)} (0.40–0.60)")


def test_the_comparison_of_times_would_see_a_difference() -> None:
    assert auc([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]) == 1.0
    assert auc([4.0, 5.0, 6.0], [1.0, 2.0, 3.0]) == 0.0
    assert auc([1.0, 4.0], [2.0, 3.0]) == 0.5
