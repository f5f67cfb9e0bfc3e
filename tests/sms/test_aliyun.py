"""Alibaba Cloud's gateways through its real libraries, against emulators on loopback."""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from denglu.domain.sms_message import Notice, SmsMessage, Trouble
from denglu.domain.sms_template import Template
from denglu.flows.ports import GatewayFailed
from denglu.sms import aliyun_codes, aliyun_sdk, asked, pnvs_codes
from denglu.sms.aliyun import Aliyun
from denglu.sms.aliyun_sdk import AliyunGateway
from denglu.sms.codes import Catalogue, Check, ProviderCode
from denglu.sms.pnvs import Pnvs
from tests.clouds.aliyun import REJECTED, REVIEWING, AliyunPnvs, AliyunSms
from tests.clouds.base import ACCESS, MODES, port_of, serving
from tests.clouds.tls import certified, taken, unheard

NUMBER, CODE = "13912345678", "924617"
LOGIN = SmsMessage(NUMBER, "login", CODE, 5, f"您的验证码是{CODE}", 1_767_225_600, template="login")
NOTICE = SmsMessage(NUMBER, "notice", "", 0, "…", 1_767_225_600, template=Notice.password_changed)
# Far beyond what loopback needs, for tests in which an answer comes.
PATIENT = 30.0


@dataclass(frozen=True)
class Kind:
    """One of the two: the emulator, our side, and what the emulator knows."""

    emulator: Callable[[], Any]
    gateway: Callable[..., AliyunGateway]
    codes: Catalogue
    sign: str
    template: Template


KINDS = {
    "aliyun": Kind(
        AliyunSms, Aliyun, aliyun_codes.CODES, "登录测试", Template("SMS_100001", ("code",))
    ),
    "aliyun-pnvs": Kind(
        AliyunPnvs,
        Pnvs,
        pnvs_codes.CODES,
        "速通互联验证码",
        Template("100001", ("code", "minutes")),
    ),
}


@dataclass
class Ground:
    """An emulator that listens, and gateways that ask it."""

    kind: Kind
    service: Any
    _opened: list[AliyunGateway]

    def open(self, **changed: Any) -> AliyunGateway:
        """A gateway, closed in the end."""
        url, seconds = self.service.url, PATIENT
        given: dict[str, Any] = {"access": ACCESS, "sign": self.kind.sign}
        given |= {"templates": {"code": self.kind.template}, "endpoint": url, "seconds": seconds}
        gateway = self.kind.gateway(**given | changed)
        self._opened.append(gateway)
        return gateway


@pytest.fixture(params=sorted(KINDS))
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    yield from _ground(request.param)


@pytest.fixture
def sms_ground() -> Iterator[Ground]:
    yield from _ground("aliyun")


@pytest.fixture
def pnvs_ground() -> Iterator[Ground]:
    yield from _ground("aliyun-pnvs")


def _ground(name: str) -> Iterator[Ground]:
    opened: list[AliyunGateway] = []
    with serving(KINDS[name].emulator()) as service:
        yield Ground(KINDS[name], service, opened)
    for gateway in opened:
        gateway.close()


async def failed(gateway: AliyunGateway, message: SmsMessage = LOGIN) -> GatewayFailed:
    """How sending fails."""
    with pytest.raises(GatewayFailed) as caught:
        await gateway.send(message)
    assert caught.value.gateway == gateway.name
    return caught.value


# --- what is sent --------------------------------------------------------------------------


async def test_a_code_arrives_with_its_signature_and_has_a_name_there(sms_ground: Ground) -> None:
    accepted = await sms_ground.open().send(LOGIN)
    assert sms_ground.service.sent == [(NUMBER, f"【登录测试】验证码{CODE}，请勿泄露。")]
    assert accepted.id.endswith("^0")
    assert accepted.parts == 1
    assert sms_ground.service.refused == []  # signed as the service demands


async def test_a_long_text_is_billed_as_several_messages(sms_ground: Ground) -> None:
    accepted = await sms_ground.open().send(replace(LOGIN, text="码" * 71))
    assert accepted.parts == 2


async def test_number_verification_sends_our_own_code(pnvs_ground: Ground) -> None:
    accepted = await pnvs_ground.open().send(LOGIN)
    text = f"【速通互联验证码】您的验证码为{CODE}。5分钟内有效，请勿告知他人。"
    assert pnvs_ground.service.sent == [(NUMBER, text)]
    assert accepted.id == "112231421412414124123^1"
    (asked_for,) = pnvs_ground.service.asked
    assert "##code##" not in str(asked_for)  # no code of theirs
    assert asked_for["AutoRetry"] == "0"


async def test_each_usage_has_its_template_and_a_notice_is_filled_with_nothing(
    sms_ground: Ground,
) -> None:
    gateway = sms_ground.open(
        templates={
            "code": Template("SMS_100001", ("code",)),
            "login": Template("SMS_100002", ("code", "minutes")),
            Notice.password_changed: Template("SMS_100003"),
        }
    )
    for message in (LOGIN, replace(LOGIN, template="register"), NOTICE):
        await gateway.send(message)
    assert [text for _, text in sms_ground.service.sent] == [
        f"【登录测试】登录验证码{CODE}，5分钟内有效。",
        f"【登录测试】验证码{CODE}，请勿泄露。",
        "【登录测试】您的密码已修改。",
    ]


async def test_a_message_without_a_template_is_asked_of_nobody(ground: Ground) -> None:
    failure = await failed(ground.open(), NOTICE)
    assert failure.trouble is Trouble.unasked
    assert failure.trouble.ill is None
    assert ground.service.arrived == 0


async def test_no_connection_is_kept_for_the_next_code(ground: Ground) -> None:
    gateway = ground.open()
    for _ in range(3):
        await gateway.send(LOGIN)
    assert (ground.service.arrived, ground.service.connections) == (3, 3)


# --- what the provider says ----------------------------------------------------------------


async def test_every_code_of_the_catalogue_ends_as_it_says(ground: Ground) -> None:
    gateway = ground.open()
    for known in ground.kind.codes:
        code = known.code.replace("*", ".Something")
        for status in (0, 400, 500):
            ground.service.fails = status, code
            failure = await failed(gateway)
            assert (failure.cause, failure.trouble) == (code, known.trouble)
    ground.service.fails = None
    await gateway.send(LOGIN)


@pytest.mark.parametrize(
    ("said", "cause", "trouble"),
    [
        ((0, "isv.NEVER_HEARD_OF"), "isv.NEVER_HEARD_OF", Trouble.refused),
        ((403, "NeverHeardOf"), "NeverHeardOf", Trouble.refused),
        ((502, "NeverHeardOf"), "NeverHeardOf", Trouble.unanswered),
        ((500, "BackendTimeout"), "BackendTimeout", Trouble.unanswered),
        ((503, "ServiceUnavailable"), "ServiceUnavailable", Trouble.unreachable),
        ((429, "Throttling.User"), "Throttling.User", Trouble.throttled),
        # What is no code is none of the provider's, and may be our own words.
        ((400, f"no {CODE}"), "unreadable", Trouble.unanswered),
        ((0, NUMBER), "unreadable", Trouble.unanswered),
        ((400, ""), "HTTP 400", Trouble.unanswered),
        ((500, ""), "HTTP 500", Trouble.unanswered),
        ((503, ""), "HTTP 503", Trouble.unreachable),
    ],
)
async def test_what_is_in_no_catalogue_is_judged_by_how_it_was_said(
    ground: Ground, said: tuple[int, str], cause: str, trouble: Trouble
) -> None:
    ground.service.fails = said
    failure = await failed(ground.open())
    assert (failure.cause, failure.trouble) == (cause, trouble)


async def test_the_emulator_refuses_what_the_provider_would(ground: Ground) -> None:
    stranger = ground.open(access=("LTAIstranger", ACCESS[1]))
    forger = ground.open(access=(ACCESS[0], "another-secret-entirely"))
    assert (await failed(stranger)).cause == "InvalidAccessKeyId.NotFound"
    assert (await failed(forger)).cause == "SignatureDoesNotMatch"
    assert (await failed(ground.open(sign="别人的签名"))).cause == "isv.SMS_SIGNATURE_ILLEGAL"
    lost = ground.open(templates={"code": Template("SMS_404", ("code",))})
    assert (await failed(lost)).cause == "isv.SMS_TEMPLATE_ILLEGAL"
    unfilled = ground.open(templates={"code": replace(ground.kind.template, params=())})
    assert (await failed(unfilled)).cause == "isv.TEMPLATE_MISSING_PARAMETERS"
    assert ground.service.sent == []


async def test_a_bad_number_is_final_and_a_limit_of_one_is_its_own(ground: Ground) -> None:
    gateway = ground.open()
    bad = await failed(gateway, replace(LOGIN, mobile="12012345678"))
    assert bad.trouble is Trouble.bad_number
    ground.service.of[NUMBER] = "isv.BUSINESS_LIMIT_CONTROL"
    assert (await failed(gateway)).trouble is Trouble.number_limit
    await gateway.send(replace(LOGIN, mobile="13700000001"))


# --- what goes wrong on the way ------------------------------------------------------------

# What may have been sent, and what surely was not.
MAYBE, NOT = Trouble.unanswered, Trouble.unreachable
WRONG = {
    "hangs up": ("RemoteDisconnected", MAYBE),
    "cut": ("IncompleteRead", MAYBE),
    "babbles": ("BadStatusLine", MAYBE),
    "muddles": ("unreadable", MAYBE),
    "garbage": ("unreadable", MAYBE),
    "list": ("unreadable", MAYBE),
    "empty": ("unreadable", MAYBE),
    "bad gateway": ("HTTP 502", MAYBE),
    "broken": ("InternalError", MAYBE),
    "unavailable": ("HTTP 503", NOT),
}


def test_there_is_an_end_for_every_mode() -> None:
    assert {"answers", "silent", *WRONG} == set(MODES)


@pytest.mark.parametrize("mode", sorted(WRONG))
async def test_an_answer_that_makes_no_sense_leaves_it_open_and_nothing_is_sent_twice(
    ground: Ground, mode: str
) -> None:
    ground.service.mode = mode
    failure = await failed(ground.open())
    assert (failure.cause, failure.trouble) == WRONG[mode]
    assert ground.service.arrived == 1


async def test_nobody_waits_for_a_silent_provider_beyond_the_deadline(ground: Ground) -> None:
    ground.service.mode = "silent"
    failure = await failed(ground.open(seconds=0.3))
    assert failure.trouble is Trouble.unanswered
    assert not ground.service.gave_up  # it would have kept silent for a minute


def test_the_library_itself_gives_up_on_a_silent_provider_and_asks_once(ground: Ground) -> None:
    # Shorter than the library waits of its own accord.
    ground.service.mode, ground.service.patience = "silent", 4
    gateway = ground.open(seconds=0.3)
    with pytest.raises(GatewayFailed) as caught:
        gateway._deliver(LOGIN, ground.kind.template)
    assert (caught.value.cause, caught.value.trouble) == ("TimeoutError", Trouble.unanswered)
    assert not ground.service.gave_up
    assert ground.service.arrived == 1


async def test_where_nobody_listens_surely_nothing_was_sent(ground: Ground) -> None:
    with serving(ground.kind.emulator()) as gone:
        pass
    failure = await failed(ground.open(endpoint=gone.url))
    assert (failure.cause, failure.trouble) == ("ConnectionRefusedError", Trouble.unreachable)


async def test_a_name_that_leads_nowhere(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    failure = await failed(ground.open(endpoint="https://sms.example"))
    assert (failure.cause, failure.trouble) == ("gaierror", Trouble.unreachable)


async def test_a_connection_that_does_not_come_about_in_time(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aliyun_sdk, "CONNECT_SECONDS", 0.2)
    with unheard() as where:
        failure = await failed(ground.open(endpoint=f"http://{where}"))
    assert (failure.cause, failure.trouble) == ("TimeoutError", Trouble.unreachable)


async def test_tls_is_spoken_with_the_known_and_with_nobody_else(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, cert = certified(tmp_path)
    with serving(ground.kind.emulator(), tls=context) as stranger:
        failure = await failed(ground.open(endpoint=stranger.url))
        assert (failure.cause, failure.trouble) == ("SSLCertVerificationError", NOT)
        assert stranger.arrived == 0
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with serving(ground.kind.emulator(), tls=context) as known:
        await ground.open(endpoint=known.url).send(LOGIN)
        assert len(known.sent) == 1
        known.mode = "hangs up"  # after the request: not the same as a failed handshake
        assert (await failed(ground.open(endpoint=known.url))).trouble is MAYBE


@pytest.mark.parametrize("hangs_up", [True, False])
async def test_whoever_does_not_speak_tls_is_told_nothing(
    ground: Ground, hangs_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ground.open(endpoint=ground.service.url.replace("http:", "https:"))
    assert (await failed(plain)).trouble is Trouble.unreachable
    assert ground.service.arrived == 0
    monkeypatch.setattr(aliyun_sdk, "CONNECT_SECONDS", 0.2)
    with taken(hangs_up=hangs_up) as where:
        failure = await failed(ground.open(endpoint=f"https://{where}"))
    assert failure.trouble is Trouble.unreachable


async def test_what_never_left_our_own_queue_was_not_sent(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "PATIENCE", 0.2)
    ground.service.mode = "silent"
    gateway = ground.open(seconds=1.0)
    crowd = [asyncio.create_task(failed(gateway)) for _ in range(asked.THREADS + 26)]
    troubles = Counter(each.trouble for each in await asyncio.gather(*crowd))
    assert troubles == {Trouble.unanswered: asked.THREADS, Trouble.unasked: 26}
    assert ground.service.arrived == asked.THREADS


async def test_a_provider_that_dies_in_the_middle_and_comes_back(ground: Ground) -> None:
    """What is said to be surely unsent was not sent, and nothing was sent twice."""
    numbers = [f"137{n:08}" for n in range(40)]
    with serving(ground.kind.emulator()) as service:
        gateway = ground.open(endpoint=service.url)
        waiting = iter(numbers)
        outcomes = await _sent_until(gateway, waiting, 10)
        rest = asyncio.create_task(_sent_until(gateway, waiting, 40))
        await asyncio.sleep(0)
    outcomes |= await rest
    sent = Counter(number for number, _ in service.sent)
    assert set(sent.values()) <= {1}
    for number, trouble in outcomes.items():
        assert trouble is Trouble.unanswered or sent[number] == (trouble is None)
    assert (await failed(gateway)).trouble is Trouble.unreachable
    with serving(service, port=port_of(service)):
        await gateway.send(LOGIN)
    assert service.sent[-1][0] == NUMBER


async def _sent_until(
    gateway: AliyunGateway, waiting: Iterator[str], most: int
) -> dict[str, Trouble | None]:
    """What becomes of messages to numbers, four at a time."""
    outcomes: dict[str, Trouble | None] = {}

    async def send_all() -> None:
        while len(outcomes) < most and (number := next(waiting, "")):
            try:
                await gateway.send(replace(LOGIN, mobile=number))
                outcomes[number] = None
            except GatewayFailed as failure:
                outcomes[number] = failure.trouble

    await asyncio.gather(*(send_all() for _ in range(4)))
    return outcomes


# --- what nobody may read ------------------------------------------------------------------


async def test_no_number_and_no_code_is_in_any_exception_line_or_terminal(
    ground: Ground,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("DEBUG", "sdk")
    said: list[str] = []
    gateway = ground.open()
    await gateway.send(LOGIN)
    with serving(ground.kind.emulator()) as gone:
        pass
    ways = [(gateway, mode) for mode in sorted(WRONG)]
    ways += [(ground.open(endpoint=gone.url), "answers"), (ground.open(sign="不存在"), "answers")]
    ways += [(ground.open(seconds=0.2), "silent")]
    for each, mode in ways:
        ground.service.mode = mode
        failure: BaseException | None = await failed(each)
        while failure is not None:
            said += [str(failure), repr(failure)]
            failure = failure.__cause__ or failure.__context__
    out, err = capfd.readouterr()
    everything = "\n".join([*said, caplog.text, out, err])
    for secret in (NUMBER, CODE, ACCESS[1]):
        assert secret not in everything
    assert out == err == ""


# --- looking without sending ---------------------------------------------------------------


def test_a_sound_account_passes_and_nothing_is_sent(sms_ground: Ground) -> None:
    assert sms_ground.open().check() == [
        Check("credentials", True),
        Check("signature", True),
        Check("template code", True),
    ]
    assert sms_ground.service.sent == []


def test_what_is_wrong_with_signature_and_templates_is_named(sms_ground: Ground) -> None:
    service = sms_ground.service
    gateway = sms_ground.open(
        templates={
            "code": Template("SMS_404", ("code",)),
            "login": Template("SMS_100002", ("code",)),
            "register": Template("SMS_100001", ("code", "minutes")),
            Notice.password_changed: Template("SMS_100003"),
        }
    )
    service.texts["SMS_100003"].status = REJECTED
    service.signatures["登录测试"].status = REVIEWING
    assert gateway.check() == [
        Check("credentials", True),
        Check("signature", False, "isv.SMS_SIGNATURE_ILLEGAL", "is being reviewed"),
        Check("template code", False, "isv.SMS_TEMPLATE_ILLEGAL"),
        Check("template login", False, "isv.TEMPLATE_MISSING_PARAMETERS", "nothing fills minutes"),
        Check("template register", None, "isv.SMS_TEMPLATE_ILLEGAL", "it has no minutes"),
        Check("template password-changed", False, "isv.SMS_TEMPLATE_ILLEGAL", "was rejected"),
    ]


@pytest.mark.parametrize(("state", "ok"), [(-1, None), (0, False), (2, False), (-2, False)])
def test_carriers_that_have_not_registered_the_signature_are_named(
    sms_ground: Ground, state: int, ok: bool | None
) -> None:
    sms_ground.service.signatures["登录测试"].carriers["unicom"] = state
    found = sms_ground.open().check()[1]
    assert found == Check("signature", ok, "PORT_NOT_REGISTERED", "not registered with unicom")


def test_an_account_that_may_only_send_is_told_apart_from_wrong_keys(ground: Ground) -> None:
    for status, code in ((0, "isp.RAM_PERMISSION_DENY"), (403, "Forbidden.RAM")):
        ground.service.fails = status, code
        keys, *rest = ground.open().check()
        assert keys == Check("credentials", True)
        assert [found.ok for found in rest] == [None, None]
    for status, code in ((404, "InvalidAccessKeyId.NotFound"), (400, "SignatureDoesNotMatch")):
        ground.service.fails = status, code
        assert ground.open().check() == [Check("credentials", False, code)]


@pytest.mark.parametrize(("mode", "trouble"), [("garbage", "unanswered"), ("broken", "unanswered")])
def test_nothing_can_be_told_of_keys_where_nobody_answers(
    ground: Ground, mode: str, trouble: str
) -> None:
    ground.service.mode = mode
    (found,) = ground.open().check()
    assert (found.what, found.ok, found.code) == ("credentials", None, trouble)


def test_number_verification_tells_whether_it_is_activated_and_no_more(
    pnvs_ground: Ground,
) -> None:
    assert pnvs_ground.open().check() == [
        Check("credentials", True),
        Check("signature", None),
        Check("template code", None),
    ]
    pnvs_ground.service.opened = False
    assert pnvs_ground.open().check() == [Check("credentials", False, "FUNCTION_NOT_OPENED")]


# --- the catalogue -------------------------------------------------------------------------


@pytest.mark.parametrize("codes", [aliyun_codes.CODES, pnvs_codes.CODES])
def test_every_code_is_named_once_and_explained_in_both_languages(codes: Catalogue) -> None:
    known = list(codes)
    assert len({each.code for each in known}) == len(known)
    for each in known:
        assert each.zh.endswith("。")
        assert each.en.endswith(".")
        assert codes.find(each.code.replace("*", "")) is each


def test_a_code_speaks_before_its_family_and_the_longest_family_before_others() -> None:
    wide, narrow, exact = (
        ProviderCode(code, Trouble.refused, "", "") for code in ("A*", "A.B*", "A.B.C")
    )
    codes = Catalogue(wide, narrow, exact)
    assert [codes.find(code) for code in ("A.C", "A.B.D", "A.B.C", "B")] == [
        wide,
        narrow,
        exact,
        None,
    ]
