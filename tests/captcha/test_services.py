"""Captchas of the services, through their real libraries, against emulators on loopback."""

import asyncio
import contextlib
import itertools
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from denglu.captcha import aliyun, asked, geetest, tencent
from denglu.captcha.aliyun import Aliyun
from denglu.captcha.asked import AskedCaptcha, Unanswered
from denglu.captcha.geetest import Geetest
from denglu.captcha.tencent import Tencent
from denglu.domain.errors import Reason
from denglu.security.digests import HmacSecrets
from tests.captcha.emulators import (
    ACCESS,
    APP_KEY,
    AliyunService,
    GeetestService,
    Service,
    TencentService,
    serving,
)
from tests.flows.world import refused

SECRETS = HmacSecrets(b"a server key that only tests know")
IP = "203.0.113.7"
# Far beyond what loopback needs, for tests in which an answer comes.
PATIENT = 30.0


@dataclass
class Ground:
    """One service: the emulator, and our side of it."""

    service: Any
    ours: asked.Service
    token_of: Callable[[str], str]
    _opened: list[AskedCaptcha]

    def captcha(self, *, lenient: bool = False, seconds: float = PATIENT) -> AskedCaptcha:
        """What the flows would get."""
        captcha = AskedCaptcha(self.ours, SECRETS, lenient=lenient, seconds=seconds)
        self._opened.append(captcha)
        return captcha

    def good(self, name: str) -> str:
        """A token that the service lets pass, once."""
        self.service.passes.add(name)
        return self.token_of(name)


def _geetest_token(name: str) -> str:
    rest = {"captcha_output": "o", "pass_token": "p", "gen_time": "1767225600"}
    return json.dumps({"lot_number": name} | rest)


KINDS: dict[str, tuple[type[Service], Callable[[str], asked.Service], Callable[[str], str]]] = {
    "geetest": (GeetestService, lambda url: Geetest("c0ffee", APP_KEY, url), _geetest_token),
    "tencent": (
        TencentService,
        lambda url: Tencent(2012345678, APP_KEY, ACCESS, url),
        lambda name: json.dumps({"ticket": name, "randstr": "@rnd"}),
    ),
    "aliyun": (
        AliyunService,
        lambda url: Aliyun("scene-1", "prefix-1", ACCESS, url),
        lambda name: name,
    ),
}
Grounds = Callable[[str], Ground]


@pytest.fixture
def ground_for() -> Iterator[Grounds]:
    """Makes the ground of a kind."""
    with contextlib.ExitStack() as stack:
        opened: list[AskedCaptcha] = []

        def make(kind: str) -> Ground:
            emulator, open_ours, token_of = KINDS[kind]
            service = stack.enter_context(serving(emulator()))
            return Ground(service, open_ours(service.url), token_of, opened)

        yield make
        for captcha in opened:
            captcha.close()


@pytest.fixture(params=sorted(KINDS))
def ground(request: pytest.FixtureRequest, ground_for: Grounds) -> Ground:
    return ground_for(request.param)


async def test_a_token_that_the_service_lets_pass_passes_once(ground: Ground) -> None:
    captcha = ground.captcha()
    token = ground.good("first")
    digest = await captcha.check(token, IP)
    assert digest is not None
    assert len(digest) == 32
    assert await captcha.check(token, IP) is None
    assert await captcha.check(ground.good("second"), IP) not in (None, digest)
    assert ground.service.refused == []  # every request was signed as the service demands


async def test_a_token_that_the_service_does_not_know_is_refused(ground: Ground) -> None:
    captcha = ground.captcha()
    assert await captcha.check(ground.token_of("unknown"), IP) is None
    assert len(ground.service.asked) == 1


@pytest.mark.parametrize("kind", ["geetest", "tencent"])
async def test_what_is_no_token_of_the_service_is_not_even_sent(
    ground_for: Grounds, kind: str
) -> None:
    ground = ground_for(kind)
    captcha = ground.captcha()
    never = _geetest_token("lot").replace("1767225600", "today")
    for garbage in ("", "x", "{}", "[]", "null", '{"ticket":1,"lot_number":2}', "[" * 4000, never):
        assert await captcha.check(garbage, IP) is None
    assert ground.service.asked == []


@pytest.mark.parametrize("mode", ["garbage", "list", "empty", "broken", "babbles", "hangs up"])
async def test_a_service_that_makes_no_sense_is_busy_or_lets_pass(
    ground: Ground, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    ground.service.mode = mode
    token = ground.good("first")
    with refused(Reason.busy) as caught:
        await ground.captcha().check(token, IP)
    assert caught[0].retry_after == 3
    assert await ground.captcha(lenient=True).check(token, IP) is not None
    ours = [record for record in caplog.records if record.name == asked.__name__]
    assert len(ours) == 2
    assert all("cannot be asked" in record.getMessage() for record in ours)


async def test_nobody_waits_for_a_silent_service_beyond_the_deadline(ground: Ground) -> None:
    ground.service.mode = "silent"
    token = ground.good("first")
    with refused(Reason.busy):
        await ground.captcha(seconds=0.2).check(token, IP)
    assert await ground.captcha(lenient=True, seconds=0.2).check(token, IP) is not None
    assert not ground.service.gave_up  # it would have kept silent for a minute


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_library_itself_gives_up_on_a_silent_service(
    ground_for: Grounds, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (aliyun, tencent, geetest):
        monkeypatch.setattr(module, "SECONDS", 0.2)
    ground = ground_for(kind)
    # Shorter than the libraries wait of their own accord.
    ground.service.mode, ground.service.patience = "silent", 4
    with pytest.raises(Unanswered):
        ground.ours.judge(ground.good("first"), IP)
    assert not ground.service.gave_up


async def test_nobody_listens_where_the_service_should_be(ground: Ground) -> None:
    with serving(Service()) as gone:
        pass
    _, open_ours, _ = KINDS[ground.service.__class__.__name__.removesuffix("Service").lower()]
    ground.ours = open_ours(gone.url)
    with refused(Reason.busy):
        await ground.captcha().check(ground.good("first"), IP)


async def test_a_wrong_key_of_ours_refuses_everybody_and_says_why(
    ground_for: Grounds, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = ("AKIDexample", "another-secret-entirely")
    for kind, ours, said in (
        ("geetest", lambda url: Geetest("c0ffee", "another-key", url), "-50006"),
        ("tencent", lambda url: Tencent(2012345678, APP_KEY, wrong, url), "AuthFailure"),
        ("tencent", lambda url: Tencent(2012345678, "another-key", ACCESS, url), "100"),
        ("aliyun", lambda url: Aliyun("scene-1", "p", wrong, url), "SignatureDoesNotMatch"),
    ):
        caplog.clear()
        ground = ground_for(kind)
        ground.ours = ours(ground.service.url)
        # Even where a service that is away lets everybody pass: this one is not away.
        captcha = ground.captcha(lenient=True)
        for _ in range(3):
            assert await captcha.check(ground.good("first"), IP) is None
        # Told once a minute, whatever comes.
        (record,) = [record for record in caplog.records if record.name == asked.__name__]
        assert said in record.getMessage()
        for secret in (*wrong, APP_KEY, ACCESS[1], "another-key"):
            if secret != wrong[0]:
                assert secret not in caplog.text


async def test_tencent_is_told_the_address_and_mini_programs_have_no_randstr(
    ground_for: Grounds,
) -> None:
    ground = ground_for("tencent")
    captcha = ground.captcha()
    assert await captcha.check(ground.good("web"), IP)
    ground.service.passes.add("mini")
    assert await captcha.check(json.dumps({"ticket": "mini"}), IP)
    web, mini = ground.service.asked
    assert (web["action"], web["Randstr"], web["UserIp"]) == ("DescribeCaptchaResult", "@rnd", IP)
    assert mini["action"] == "DescribeCaptchaMiniResult"
    assert ground.service.refused == []


async def test_whom_tencent_suspects_without_asking_does_not_pass(ground_for: Grounds) -> None:
    ground = ground_for("tencent")
    ground.service.evil = 100
    assert await ground.captcha().check(ground.good("first"), IP) is None


async def test_faults_of_tencent_itself_are_no_fault_of_a_ticket(ground_for: Grounds) -> None:
    ground = ground_for("tencent")
    for error in ("InternalError", "InternalError.Timeout", "RequestLimitExceeded"):
        ground.service.error = error
        with refused(Reason.busy):
            await ground.captcha().check(ground.good("first"), IP)


async def test_aliyun_is_told_the_scene_and_throttling_is_no_fault_of_a_token(
    ground_for: Grounds,
) -> None:
    ground = ground_for("aliyun")
    captcha = ground.captcha()
    assert await captcha.check(ground.good('{"a":"ä &="}'), IP)
    assert ground.service.asked[0]["SceneId"] == "scene-1"
    assert ground.service.asked[0]["action"] == "VerifyIntelligentCaptcha"
    for status, code in ((503, "ServiceUnavailable"), (400, "Throttling.User")):
        ground.service.error = status, code
        with refused(Reason.busy):
            await captcha.check(ground.good("first"), IP)


async def test_a_geetest_token_is_spent_under_its_lot_number(ground_for: Grounds) -> None:
    ground = ground_for("geetest")
    captcha = ground.captcha()
    one = await captcha.check(ground.good("lot"), IP)
    ground.service.passes.add("lot")
    assert await captcha.check(ground.token_of("lot") + " ", IP) == one


async def test_http_errors_of_geetest_are_told_apart(ground_for: Grounds) -> None:
    ground = ground_for("geetest")
    answers = {403: None, 429: Reason.busy, 502: Reason.busy}
    for status, reason in answers.items():
        ground.service.answer = lambda request, status=status: (status, {})
        if reason is None:
            assert await ground.captcha(lenient=True).check(ground.good("first"), IP) is None
        else:
            with refused(reason):
                await ground.captcha().check(ground.good("first"), IP)


def test_what_clients_are_shown_holds_no_secret(ground: Ground) -> None:
    shown = json.dumps(dict(ground.captcha().show()))
    assert json.loads(shown)["kind"] in KINDS
    assert not any(secret in shown for secret in (*ACCESS, APP_KEY))


@pytest.mark.parametrize("kind", ["geetest", "tencent"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text()
    | st.dictionaries(
        st.sampled_from(["lot_number", "captcha_output", "pass_token", "gen_time", "ticket"]),
        st.text() | st.integers() | st.none() | st.lists(st.text()),
    ).map(json.dumps)
)
@example('{"ticket":"\\ud800","lot_number":"\\ud800"}')
@example("\ud800")
def test_whatever_comes_is_read_without_an_error(kind: str, token: str) -> None:
    ours = KINDS[kind][1]("http://127.0.0.1:9")
    ours._ask = _no_answer  # type: ignore[attr-defined]
    with contextlib.suppress(Unanswered):
        assert not ours.judge(token, IP).passed


def _no_answer(*given: object) -> Any:
    raise Unanswered


# --- the threads ---------------------------------------------------------------------------


class Gate:
    """A service that answers when it is told to."""

    def __init__(self) -> None:
        self.shown: dict[str, Any] = {"kind": "gate"}
        self.open = threading.Event()
        self.inside = threading.Semaphore(0)
        self.judged = 0

    def judge(self, token: str, ip: str) -> asked.Verdict:
        self.judged += 1
        self.inside.release()
        self.open.wait(30)
        return asked.Verdict(token)


async def _outcome(check: Awaitable[bytes | None]) -> str:
    try:
        return "passed" if await check else "refused"
    except Exception as error:
        return str(error)


async def test_a_crowd_is_served_or_told_to_come_back_at_once() -> None:
    gate = Gate()
    captcha = AskedCaptcha(gate, SECRETS, lenient=True, seconds=PATIENT)
    try:
        crowd = [asyncio.create_task(_outcome(captcha.check(f"t{n}", IP))) for n in range(50)]
        for turned_away in itertools.islice(asyncio.as_completed(crowd), 30):
            assert await turned_away == "busy"
        gate.open.set()
        assert sorted(await asyncio.gather(*crowd)) == ["busy"] * 30 + ["passed"] * 20
        assert await captcha.check("later", IP)
    finally:
        gate.open.set()
        captcha.close()


async def test_who_waited_behind_others_is_busy_also_where_a_silent_service_lets_pass() -> None:
    gate = Gate()
    captcha = AskedCaptcha(gate, SECRETS, lenient=True, seconds=0.2)
    try:
        crowd = [asyncio.create_task(_outcome(captcha.check(f"t{n}", IP))) for n in range(10)]
        found = await asyncio.gather(*crowd)
        # Four were asked about and got no answer; the queue is our own doing.
        assert sorted(found) == ["busy"] * 6 + ["passed"] * 4
        assert gate.judged == 4
    finally:
        gate.open.set()
        captcha.close()


async def test_a_client_that_hangs_up_frees_its_place() -> None:
    gate = Gate()
    captcha = AskedCaptcha(gate, SECRETS, lenient=False, seconds=PATIENT)
    try:
        crowd = [asyncio.create_task(captcha.check(f"t{n}", IP)) for n in range(20)]
        await asyncio.to_thread(gate.inside.acquire)
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        gate.open.set()
        again = [_outcome(captcha.check(f"u{n}", IP)) for n in range(16)]
        assert await asyncio.gather(*again) == ["passed"] * 16
        assert gate.judged <= 4 + 16  # nobody was asked about those that only waited
    finally:
        gate.open.set()
        captcha.close()


async def test_after_the_end_nobody_is_asked() -> None:
    captcha = AskedCaptcha(Gate(), SECRETS, lenient=True)
    captcha.close()
    with refused(Reason.busy):
        await captcha.check("late", IP)
