"""SMS gateways and captchas of plugins, as the settings name them."""

from collections.abc import Callable

import pytest

from tests.cli.desk import Desk

_SENDER = '''
from typing import Annotated
from pathlib import Path
from denglu.captcha.asked import Verdict
from denglu.flows.ports import Accepted
from denglu.plugins import hookimpl
from denglu.settings.about import Section, kind
from denglu.settings.values import Located

class Own(Section):
    """Own."""
    file: Annotated[Located, kind("a path", "where messages go")] = None

class Sms:
    name = "{named}"
    def __init__(self, settings):
        self.file = settings.file
    async def send(self, message):
        self.file.write_text(message.code)
        return Accepted("one")

class Service:
    shown = {{"kind": "try.quiz", "question": "1 + 1"}}
    def __init__(self, settings): pass
    def judge(self, token, ip):
        return Verdict(passed=token if token == "2" else "")

@hookimpl
def denglu_settings(): return Own

@hookimpl
def denglu_gateways(): return {{"sms": Sms}}

@hookimpl
def denglu_captchas(): return {{"quiz": Service}}
'''
SENDER = _SENDER.format(named="try.sms")
MOBILE = "13800000000"


@pytest.fixture
def sender(with_plugin: Callable[..., Desk]) -> Desk:
    desk = with_plugin(SENDER)
    desk.settings |= {"DENGLU_SMS_GATEWAYS": "try.sms", "DENGLU_TRY_FILE": "code"}
    return desk


def test_codes_go_through_a_plugins_gateway(sender: Desk) -> None:
    prices = {"sms_prices": "try.sms=0.05,aliyun=0.04", "sms_budget": "day=10"}
    with sender.serving(**prices) as server:
        sent = server.call("/v1/site/sms-code", {"mobile": MOBILE, "usage": "register"})
        assert sent.code == 200
        body = {"mobile": MOBILE, "code": (sender.folder / "code").read_text(), "group": "pc"}
        body |= {"password": "moonlit-harbour-17", "password_repetition": "moonlit-harbour-17"}
        assert server.call("/v1/site/register", body | {"nickname": "小明"}).code == 200
    message = sender.json("sms", "list", **prices)
    assert (message["gateway"], message["cost"]) == ("try.sms", "0.05")
    assert "try.sms" in sender.ok("sms", "test", MOBILE, "--gateway", "try.sms")
    assert "try.sms=0.05" in sender.run("doctor", **prices).stdout


def test_a_plugins_captcha_is_shown_and_judged(sender: Desk) -> None:
    sender.ok("migrate")
    sender.add("ming")
    suspicious = {"captcha": "try.quiz", "login_suspicion_rates": "1/300s"}
    with sender.serving(**suspicious) as server:
        for _ in range(3):
            server.call("/v1/site/login", {"username": "x", "password": "y", "group": "pc"})
        body = {"username": "ming", "password": "moonlit-harbour-17", "group": "pc"}
        refused = server.call("/v1/site/login", body)
        assert refused.reason == "captcha_required"
        assert refused.data["captcha"] == {"kind": "try.quiz", "question": "1 + 1"}
        assert server.call("/v1/site/login", body | {"captcha_token": "3"}).code == 422
        assert server.call("/v1/site/login", body | {"captcha_token": "2"}).code == 200


def test_a_name_that_no_plugin_has_is_a_fault(sender: Desk) -> None:
    assert sender.fault("serve", code=2, sms_gateways="console,try.mail") == (
        "DENGLU_SMS_GATEWAYS=try.mail (from the environment): no plugin of DENGLU_PLUGINS has it; "
        "there are try.sms"
    )
    line = sender.fault("serve", code=2, plugins="", sms_gateways="console")
    assert line.startswith("DENGLU_TRY_FILE (from the environment): there is no such setting")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_SENDER.format(named="aliyun"), "try.sms calls itself aliyun"),
        (SENDER.replace("    name =", "    named ="), "try.sms calls itself None"),
        (SENDER.replace("try.quiz", "pow"), "try.quiz calls itself pow"),
        (SENDER.replace('"kind": "try.quiz", ', ""), "KeyError: 'kind'"),
    ],
)
def test_each_goes_by_its_own_name(with_plugin: Callable[..., Desk], text: str, said: str) -> None:
    desk = with_plugin(text)
    chosen = {"sms_gateways": "try.sms", "captcha": "try.quiz", "try_file": "code"}
    done = desk.run("serve", "--port", "0", **chosen)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == f"denglu: plugin try: {said}"
