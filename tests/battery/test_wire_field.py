"""What apps in the field rely on (profile rageframe), and what the document profile refuses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.battery.client import Client, fresh_mobile, new_member, new_password
from tests.battery.harness import PASSWORD, running
from tests.battery.refusals import WELL

ALIASES = {
    "iOS": ("ios", "IOS", "tinyShopIos", "tinyshopios"),
    "wechatMp": ("wechat", "wechatmp", "tinyShopWechat", "tinyShopWechatMp"),
    "wechatMini": ("WECHATMINI", "tinyShopWechatMini", "tinyShopMiniProgram"),
    "aliMini": ("aliMp", "tinyShopAliMp", "tinyShopAliMini"),
    "qqMini": ("qqMp", "tinyShopQqMp", "tinyShopQqMini"),
    "baiduMini": ("baiduMp", "tinyShopBaiduMp", "tinyShopBaiduMini"),
    "dingTalkMini": ("dingTalkMp", "tinyShopDingTalkMp", "tinyShopDingTalkMini"),
    "bytedanceMini": ("touTiaoMp", "byteDanceMini", "tinyShopTouTiaoMp", "tinyShopByteDanceMini"),
    "pc": ("PC", "Pc", "tinyShopPc"),
    "app": ("APP", "tinyShopApp"),
    "h5": ("H5", "tinyShopH5"),
    "android": ("Android", "tinyShopAndroid"),
}


def test_in_the_field_aliases_share_the_slot_of_their_group(field_client: Client) -> None:
    client, mobile = field_client, fresh_mobile()
    data = client.register(mobile, group="import").data
    others = {"import": data["access_token"]}
    for own in ("tinyShop", "webSocket"):
        others[own] = client.login(mobile, group=own).data["access_token"]
    for group, names in ALIASES.items():
        last = client.login(mobile, group=group).data
        for name in names:
            answer = client.login(mobile, group=name)
            assert answer.code == 200, name
            replaced = client.who_am_i(last["access_token"])
            assert replaced.reason == "session_replaced", name
            # A refresh under the one name or the other is the same session's.
            last = client.refresh(answer.data["refresh_token"], group).data
            last = client.refresh(last["refresh_token"], name).data
            assert client.who_am_i(last["access_token"]).code == 200, name
    for own, token in others.items():
        assert client.who_am_i(token).code == 200, own
    assert client.login(mobile, group="watch").body["message"] == "组别是无效的。"


def test_the_document_profile_takes_the_thirteen_names_only(client: Client) -> None:
    mobile = fresh_mobile()
    client.register(mobile)
    for group, names in ALIASES.items():
        for name in names:
            assert client.login(mobile, group=name).reason == "invalid_group", (group, name)
    for name in ("tinyShop", "webSocket", "import", "tinyShopMiniProgram"):
        assert client.login(mobile, group=name).reason == "invalid_group", name


def test_aliases_of_ones_own(tmp_path: Path) -> None:
    settings = {"wire": "rageframe", "group_aliases": "kiosk:pc"}
    with (
        running(tmp_path, trusted_proxies="127.0.0.1", **settings) as server,
        Client(server) as client,
    ):
        mobile = fresh_mobile()
        token = client.register(mobile, group="pc").data["access_token"]
        assert client.login(mobile, group="KIOSK").code == 200
        assert client.who_am_i(token).reason == "session_replaced"


def test_in_the_field_codes_have_four_digits(field_client: Client) -> None:
    codes = [field_client.code_for(fresh_mobile(), "login") for _ in range(40)]
    assert all(len(code) == 4 and code.isascii() and code.isdigit() for code in codes)
    assert all(1000 <= int(code) <= 9999 for code in codes)
    assert len(set(codes)) > 20


def test_codes_of_the_document_profile_have_six_digits(client: Client) -> None:
    codes = [client.code_for(fresh_mobile(), "login") for _ in range(40)]
    assert all(len(code) == 6 and code.isascii() and code.isdigit() for code in codes)
    assert len(set(codes)) > 30


def test_in_the_field_a_refresh_needs_no_group(field_client: Client) -> None:
    client = field_client
    data = client.register(group="h5").data
    data = client.refresh(data["refresh_token"], None).data
    data = client.refresh(data["refresh_token"], "").data
    assert client.refresh(data["refresh_token"], "pc").reason == "refresh_invalid"
    assert client.refresh(data["refresh_token"], "h5").code == 200


def test_in_the_field_a_login_may_say_mobile(field_client: Client) -> None:
    client, mobile = field_client, fresh_mobile()
    client.register(mobile)
    base: dict[str, object] = {"password": PASSWORD, "group": "pc"}
    for names in (
        {"mobile": mobile}, {"mobile": mobile, "username": ""}, {"mobile": "", "username": mobile},
        {"mobile": mobile, "username": None}, {"mobile": mobile, "username": "  "},
        {"mobile": "nonsense", "username": mobile},
    ):  # fmt: skip
        assert client.site("login", base | names).code == 200, names
    assert client.site("login", base).body["message"] == "登录帐号不能为空。"
    blank = {"mobile": "", "username": " "}
    assert client.site("login", base | blank).body["message"] == "登录帐号不能为空。"


def field_forms(mobile: str, code: str) -> Iterator[tuple[dict[str, object], bool]]:
    """Bodies without what the original does not ask for, and whether they are good."""
    whole = new_member(mobile, code, WELL)
    bare = {k: v for k, v in whole.items() if k not in ("nickname", "password_repetition")}
    yield bare | {"password_repetition": f"{WELL}!"}, False
    yield bare | {"password_repetition": "", "nickname": ""}, True


@pytest.mark.parametrize("name", ["register", "up-pwd"])
def test_in_the_field_the_repetition_is_compared_when_it_is_there(
    field_client: Client, name: str
) -> None:
    client, mobile = field_client, fresh_mobile()
    if name == "up-pwd":
        client.register(mobile)
        client.server.set_clock(61)
    code = client.code_for(mobile, name)
    for body, good in field_forms(mobile, code):
        answer = client.site(name, body)
        expected = "OK" if good else '重复密码的值必须等于"密码"。'
        assert answer.body["message"] == expected
    assert client.login(mobile, WELL).code == 200


@pytest.mark.parametrize("usage", ["reset", "forgot", "reset_password", "up-pwd"])
def test_in_the_field_a_reset_has_more_than_one_name(field_client: Client, usage: str) -> None:
    client, mobile = field_client, fresh_mobile()
    client.register(mobile)
    client.server.set_clock(61)
    answer = client.site("sms-code", {"mobile": mobile, "usage": usage})
    assert answer.code == 200
    code = str(client.server.outbox(mobile)[-1]["code"])
    assert client.site("up-pwd", new_password(mobile, code, WELL)).code == 200
    assert client.login(mobile, WELL).code == 200


def test_the_document_profile_knows_the_six_usages_only(client: Client) -> None:
    for usage in ("login", "register", "up-pwd", "up-pay-pwd", "reset-mobile", "binding-mobile"):
        assert client.site("sms-code", {"mobile": fresh_mobile(), "usage": usage}).code == 200
    for usage in ("reset", "forgot", "reset_password"):
        answer = client.site("sms-code", {"mobile": fresh_mobile(), "usage": usage})
        assert answer.reason == "invalid_usage"


def test_in_the_field_an_old_short_password_still_logs_in(field_client: Client) -> None:
    client, mobile, model = field_client, fresh_mobile(), fresh_mobile()
    client.register(model)
    client.register(mobile)
    # As an import would leave it: six characters, hashed by the original (here at a low cost).
    legacy = "$2y$04$iXeP6llBTc2Tus8eAo78TO7ON02pL2S1fi.T88tqM9Y0HKXYzTXOO"
    sql = "update member set password_hash = ?, legacy_hash = 1 where mobile_key = ?"
    client.server.rows(sql, legacy, mobile)
    assert client.login(mobile, "abc123").code == 200
    assert client.server.rows(
        "select substr(password_hash, 1, 10), legacy_hash from member where mobile_key = ?", mobile
    ) == [("$argon2id$", None)]
    assert client.login(mobile, "abc123").code == 200
