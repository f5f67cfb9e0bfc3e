"""From settings to a captcha: what is needed, what is missing, what the doctor says."""

import sys
from pathlib import Path

import pytest

from denglu.app import open_app
from denglu.captcha import open_captcha
from denglu.captcha.asked import AskedCaptcha
from denglu.captcha.pow import ProofOfWork
from denglu.doctor.captcha import examine_captcha
from denglu.doctor.finding import Level
from denglu.security.digests import HmacSecrets
from denglu.store.opening import MissingDriver
from tests.captcha.emulators import GeetestService, serving
from tests.flows.world import FakeClock
from tests.settings_loading import fault, faults, load

SECRETS = HmacSecrets(b"a server key that only tests know")
ALIYUN = {
    "CAPTCHA": "aliyun",
    "CAPTCHA_ID": "scene-1",
    "CAPTCHA_PREFIX": "prefix-1",
    "CAPTCHA_ACCESS_ID": "LTAIexample",
    "CAPTCHA_ACCESS_KEY": "secret-of-the-access-key",
}
TENCENT = {
    "CAPTCHA": "tencent",
    "CAPTCHA_ID": "2012345678",
    "CAPTCHA_KEY": "key-of-the-captcha",
    "CAPTCHA_ACCESS_ID": "AKIDexample",
    "CAPTCHA_ACCESS_KEY": "secret-of-the-access-key",
}
GEETEST = {"CAPTCHA": "geetest", "CAPTCHA_ID": "c0ffee", "CAPTCHA_KEY": "key-of-the-captcha"}
SERVICES = {given["CAPTCHA"]: given for given in (ALIYUN, TENCENT, GEETEST)}


def test_there_is_no_captcha_unless_one_is_asked_for(tmp_path: Path) -> None:
    assert open_captcha(load(tmp_path), SECRETS, FakeClock()) is None


async def test_the_difficulty_of_the_settings_is_what_clients_get(tmp_path: Path) -> None:
    captcha = open_captcha(
        load(tmp_path, CAPTCHA="pow", CAPTCHA_DIFFICULTY="1000"), SECRETS, FakeClock()
    )
    assert isinstance(captcha, ProofOfWork)
    assert captcha._difficulty == 1000
    captcha.close()


@pytest.mark.parametrize("kind", sorted(SERVICES))
def test_each_service_opens_with_its_keys_and_shows_what_clients_need(
    tmp_path: Path, kind: str
) -> None:
    captcha = open_captcha(load(tmp_path, **SERVICES[kind]), SECRETS, FakeClock())
    assert isinstance(captcha, AskedCaptcha)
    shown = dict(captcha.show())
    captcha.close()
    expected = {
        "aliyun": {"kind": "aliyun", "scene_id": "scene-1", "prefix": "prefix-1"},
        "tencent": {"kind": "tencent", "app_id": "2012345678"},
        "geetest": {"kind": "geetest", "captcha_id": "c0ffee"},
    }
    assert shown == expected[kind]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, given in SERVICES.items() for name in given if name != "CAPTCHA"],
)
def test_a_service_without_one_of_its_keys_is_a_fault_of_one_line(
    tmp_path: Path, kind: str, name: str
) -> None:
    line = fault(tmp_path, **{n: text for n, text in SERVICES[kind].items() if n != name})
    assert line.startswith(f"DENGLU_{name} (not set) beside DENGLU_CAPTCHA={kind} ")
    assert f": {kind} needs " in line


def test_all_missing_keys_are_named_at_once(tmp_path: Path) -> None:
    assert len(faults(tmp_path, CAPTCHA="tencent")) == 4


def test_keys_come_from_files_and_are_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("key-from-a-file\n", "utf-8")
    given = {name: text for name, text in GEETEST.items() if name != "CAPTCHA_KEY"}
    settings = load(tmp_path, **given, CAPTCHA_KEY_FILE="key")
    assert settings.captcha_key is not None
    assert settings.captcha_key.get_secret_value() == "key-from-a-file"
    assert "key-from-a-file" not in repr(settings) + repr(settings.effective())
    assert "(hidden)" in fault(tmp_path, CAPTCHA_KEY="short")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CAPTCHA", "recaptcha"),
        ("CAPTCHA_DIFFICULTY", "999"),
        ("CAPTCHA_DIFFICULTY", "1000001"),
        ("CAPTCHA_ENDPOINT", "http://captcha.example"),
        ("CAPTCHA_ENDPOINT", "http://127.0.0.1.example"),
        ("CAPTCHA_ENDPOINT", "https://captcha.example/path"),
        ("CAPTCHA_ENDPOINT", "https://user@captcha.example"),
        ("CAPTCHA_ENDPOINT", "captcha.example"),
        ("CAPTCHA_ID", "a\nb"),
        ("CAPTCHA_UNREACHABLE", "maybe"),
    ],
)
def test_what_is_no_setting_of_a_captcha_is_refused(tmp_path: Path, name: str, text: str) -> None:
    assert f"DENGLU_{name}=" in fault(tmp_path, **{name: text})


def test_an_app_id_of_tencent_is_a_number(tmp_path: Path) -> None:
    assert "is a number" in fault(tmp_path, **TENCENT | {"CAPTCHA_ID": "c0ffee"})


@pytest.mark.parametrize("text", ["https://Captcha.Example:8443/", "http://127.0.0.1:9"])
def test_an_endpoint_is_https_or_this_machine(tmp_path: Path, text: str) -> None:
    settings = load(tmp_path, CAPTCHA_ENDPOINT=text)
    assert settings.captcha_endpoint == text.lower().rstrip("/")


def without(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where the library of a service is not installed."""
    package = {"aliyun": "alibabacloud_captcha20230305", "tencent": "tencentcloud"}[kind]
    for name in list(sys.modules):
        if name == f"denglu.captcha.{kind}" or name.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)


@pytest.mark.parametrize("kind", ["aliyun", "tencent"])
async def test_a_service_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    without(kind, monkeypatch)
    settings = load(tmp_path, **SERVICES[kind])
    with pytest.raises(MissingDriver, match=rf"pip install 'denglu\[{kind}-captcha\]'"):
        open_app(settings, b"a server key that only tests know")


def test_the_doctor_says_which_captcha_there_is(tmp_path: Path) -> None:
    assert list(examine_captcha(load(tmp_path))) == []
    (found,) = examine_captcha(load(tmp_path, CAPTCHA="pow"))
    assert (found.area, found.level) == ("captcha", Level.ok)


def test_the_doctor_knocks_at_the_service(tmp_path: Path) -> None:
    with serving(GeetestService()) as service:
        (found,) = examine_captcha(load(tmp_path, **GEETEST, CAPTCHA_ENDPOINT=service.url))
        assert found.level is Level.ok
    (found,) = examine_captcha(load(tmp_path, **GEETEST, CAPTCHA_ENDPOINT=service.url))
    assert found.level is Level.warning
    assert "ConnectionRefusedError" in found.message
    assert "answered busy" in found.message


@pytest.mark.parametrize("kind", ["aliyun", "tencent"])
def test_the_doctor_says_that_a_library_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    without(kind, monkeypatch)
    (found,) = examine_captcha(load(tmp_path, **SERVICES[kind]))
    assert found.level is Level.fault
    assert found.advice == f"pip install 'denglu[{kind}-captcha]'"
