"""Groups: the thirteen, exact or folded, and every name that apps in the field send."""

import pytest

from denglu.domain.groups import DOCUMENT_GROUPS, Group, Groups

THIRTEEN = [
    ("default", "默认"),
    ("pc", "PC"),
    ("iOS", "苹果"),
    ("android", "安卓"),
    ("app", "app"),
    ("h5", "H5"),
    ("wechatMp", "微信公众号"),
    ("wechatMini", "微信小程序"),
    ("aliMini", "支付宝小程序"),
    ("qqMini", "QQ小程序"),
    ("baiduMini", "百度小程序"),
    ("bytedanceMini", "字节跳动小程序"),
    ("dingTalkMini", "钉钉小程序"),
]
# What is sent in the field, and the slot it shares.
FIELD_NAMES = [
    *((name, name) for name, _ in THIRTEEN),
    *((name.upper(), name) for name, _ in THIRTEEN),
    *((name.lower(), name) for name, _ in THIRTEEN),
    ("ios", "iOS"),
    ("wechat", "wechatMp"),
    ("wechatMp", "wechatMp"),
    ("aliMp", "aliMini"),
    ("qqMp", "qqMini"),
    ("baiduMp", "baiduMini"),
    ("dingTalkMp", "dingTalkMini"),
    ("touTiaoMp", "bytedanceMini"),
    ("tinyShopIos", "iOS"),
    ("tinyShopAndroid", "android"),
    ("tinyShopApp", "app"),
    ("tinyShopH5", "h5"),
    ("tinyShopPc", "pc"),
    ("tinyShopWechat", "wechatMp"),
    ("tinyShopWechatMp", "wechatMp"),
    ("tinyShopWechatMini", "wechatMini"),
    ("tinyShopAliMp", "aliMini"),
    ("tinyShopAliMini", "aliMini"),
    ("tinyShopQqMp", "qqMini"),
    ("tinyShopQqMini", "qqMini"),
    ("tinyShopBaiduMp", "baiduMini"),
    ("tinyShopBaiduMini", "baiduMini"),
    ("tinyShopDingTalkMp", "dingTalkMini"),
    ("tinyShopDingTalkMini", "dingTalkMini"),
    ("tinyShopTouTiaoMp", "bytedanceMini"),
    ("tinyShopByteDanceMp", "bytedanceMini"),
    ("tinyShopByteDanceMini", "bytedanceMini"),
    ("tinyShopBytedanceMini", "bytedanceMini"),
    ("tinyShopMiniProgram", "wechatMini"),
    ("tinyShop", "tinyShop"),
    ("TINYSHOP", "tinyShop"),
    ("webSocket", "webSocket"),
    ("import", "import"),
]


def test_the_document_has_thirteen_groups_with_one_session_each() -> None:
    assert [(g.name, g.label) for g in DOCUMENT_GROUPS] == THIRTEEN
    assert all(g.sessions == 1 for g in DOCUMENT_GROUPS)
    assert list(Groups()) == list(DOCUMENT_GROUPS)


@pytest.mark.parametrize(("name", "label"), THIRTEEN)
def test_the_document_profile_knows_the_thirteen_by_their_names(name: str, label: str) -> None:
    assert Groups().find(name) == Group(name, label)


@pytest.mark.parametrize(
    "name", ["", "ios", "IOS", "PC", "wechat", "aliMp", "tinyShop", "webSocket", "import", "iOS "]
)
def test_the_document_profile_knows_no_other_name(name: str) -> None:
    assert Groups().find(name) is None


@pytest.mark.parametrize(("name", "slot"), FIELD_NAMES)
def test_the_rageframe_profile_leads_a_field_name_to_its_slot(name: str, slot: str) -> None:
    group = Groups(folded=True).find(name)
    assert group is not None
    assert group.name == slot


@pytest.mark.parametrize(
    "name", ["", "ios2", "tinyShopX", "tinyShop ", "tinyShopTinyShop", "mp", "微信", "iOS\n"]
)
def test_the_rageframe_profile_refuses_what_nobody_sends(name: str) -> None:
    assert Groups(folded=True).find(name) is None


def test_a_configured_group_is_known_in_both_profiles() -> None:
    tv = Group("tv", "电视", sessions=3)
    for groups in (Groups([tv]), Groups([tv], folded=True)):
        assert groups.find("tv") == tv
        assert tv in list(groups)
    assert Groups([tv]).find("TV") is None
    assert Groups([tv], folded=True).find("TV") == tv


def test_a_configured_group_may_change_how_many_sessions_a_known_one_has() -> None:
    pc = Group("pc", "PC", sessions=5)
    assert Groups([pc]).find("pc") == pc
    assert Groups([pc], folded=True).find("tinyShopPc") == pc
    assert len(list(Groups([pc]))) == 13


def test_a_configured_alias_leads_to_its_slot_in_the_rageframe_profile_only() -> None:
    aliases = {"kuaiApp": "app"}
    folded = Groups(folded=True, aliases=aliases).find("KUAIAPP")
    assert folded is not None
    assert folded.name == "app"
    assert Groups(aliases=aliases).find("kuaiApp") is None


def test_a_configured_group_is_not_hidden_by_an_alias_of_the_same_name() -> None:
    own = Group("wechat", "自有微信", sessions=2)
    assert Groups([own], folded=True).find("wechat") == own
    assert Groups([own], folded=True).find("WeChat") == own
