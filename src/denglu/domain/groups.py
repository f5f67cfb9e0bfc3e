"""Client groups (组别): where a session lives, and how many live sessions it may have."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """A client group: its wire name, its label and the number of live sessions it allows."""

    name: str
    label: str
    sessions: int = 1


DOCUMENT_GROUPS = (
    Group("default", "默认"),
    Group("pc", "PC"),
    Group("iOS", "苹果"),
    Group("android", "安卓"),
    Group("app", "app"),
    Group("h5", "H5"),
    Group("wechatMp", "微信公众号"),
    Group("wechatMini", "微信小程序"),
    Group("aliMini", "支付宝小程序"),
    Group("qqMini", "QQ小程序"),
    Group("baiduMini", "百度小程序"),
    Group("bytedanceMini", "字节跳动小程序"),
    Group("dingTalkMini", "钉钉小程序"),
)

# Names that apps in the field send for the same slots. A tinyShop name is the plain name
# with a prefix, so it shares the plain name's slot; names of their own get their own slot.
_ALIASES = {
    "wechat": "wechatMp",
    "wechatMp": "wechatMp",
    "aliMp": "aliMini",
    "qqMp": "qqMini",
    "baiduMp": "baiduMini",
    "dingTalkMp": "dingTalkMini",
    "byteDanceMp": "bytedanceMini",
    "byteDanceMini": "bytedanceMini",
    "byteDanceMicro": "bytedanceMini",
    "touTiaoMp": "bytedanceMini",
    "touTiaoMini": "bytedanceMini",
}
_OWN_SLOTS = (
    Group("tinyShop", "小程序商城"),
    Group("webSocket", "WebSocket"),
    Group("import", "导入"),
)


class Groups:
    """Finds the group that a wire name means.

    The ``document`` profile takes the exact names only; with ``folded=True`` (profile
    ``rageframe``) case is ignored and the aliases of the field lead to the same slots.
    """

    def __init__(
        self,
        extra: Iterable[Group] = (),
        *,
        folded: bool = False,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        known = {g.name: g for g in DOCUMENT_GROUPS}
        if folded:
            known |= {g.name: g for g in _OWN_SLOTS}
        known |= {g.name: g for g in extra}
        self._folded = folded
        self._known = known
        self._names: dict[str, Group] = dict(known)
        if folded:
            self._names = _folded_names(known) | {
                alias.casefold(): known[name] for alias, name in (aliases or {}).items()
            }

    def __iter__(self) -> Iterator[Group]:
        return iter(self._known.values())

    def find(self, name: str) -> Group | None:
        """Return the group a client means by ``name``, or None."""
        return self._names.get(name.casefold() if self._folded else name)


def _folded_names(known: Mapping[str, Group]) -> dict[str, Group]:
    plain = {alias: known[name] for alias, name in _ALIASES.items()}
    plain |= {name: group for name, group in known.items() if name != "tinyShop"}
    names = {f"tinyshop{name}".casefold(): group for name, group in plain.items()}
    names["tinyshopminiprogram"] = known["wechatMini"]
    names["tinyshop"] = known["tinyShop"]
    return names | {name.casefold(): group for name, group in plain.items()}
