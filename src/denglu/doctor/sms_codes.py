"""What went wrong with a message, explained in Chinese and English: providers' error codes and
denglu's own words for what no provider said.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from denglu.domain.sms_message import Trouble
from denglu.sms.aliyun_codes import CODES as ALIYUN
from denglu.sms.codes import UNREADABLE, Catalogue, ProviderCode
from denglu.sms.http_codes import CODES as HTTP
from denglu.sms.pnvs_codes import CODES as PNVS
from denglu.sms.tencent_codes import CODES as TENCENT

OWN = "denglu"
CATALOGUES: Mapping[str, Catalogue] = {
    "aliyun": ALIYUN,
    "aliyun-pnvs": PNVS,
    "tencent": TENCENT,
    "http": HTTP,
}
"""By gateway."""

OWN_CODES = Catalogue(
    ProviderCode(
        "no template",
        Trouble.unasked,
        "该网关没有配置此用途的模板。在 DENGLU_SMS_…_TEMPLATES 中加上它，或加上 code。",
        "The gateway has no template for this message. Name one in DENGLU_SMS_…_TEMPLATES, or one "
        "for code.",
    ),
    ProviderCode(
        "queue",
        Trouble.unasked,
        "等待该网关的短信太多，本条未发出。供应商可能变慢，或正被刷短信：看 denglu sms stats。",
        "Too many messages waited for the gateway, and this one was not sent. The provider is "
        "slow, or somebody pumps messages: see denglu sms stats.",
    ),
    ProviderCode(
        "circuit_open",
        Trouble.unasked,
        "该网关连续失败，暂停使用，几秒后自动用一条短信试探。",
        "The gateway failed several times in a row and is left alone; within seconds one message "
        "tries it.",
    ),
    ProviderCode(
        "no answer in time",
        Trouble.unanswered,
        "供应商没有在限时内回答，短信可能已发出，因此不再换网关重发。检查网络与供应商状态。",
        "The provider did not answer in time. The message may be under way, so it is not sent "
        "again. Look at the network, and at the provider's state.",
    ),
    ProviderCode(
        UNREADABLE,
        Trouble.unanswered,
        "回答或其中的错误码无法读懂，短信可能已发出，因此不再换网关重发。"
        "检查 …_ENDPOINT 设置与中间的代理。",
        "The answer, or what should be its code, cannot be read. The message may be under way, so "
        "it is not sent again. Look at the …_ENDPOINT setting, and at proxies between.",
    ),
)
# What a library says of a network instead of a code of the provider's.
_NETWORK = ProviderCode(
    "",
    Trouble.unreachable,
    "没有得到供应商的回答：检查 DNS、防火墙、出口代理、系统时间和 …_ENDPOINT（http：…_URL）。",
    "The provider did not answer. Look at DNS, firewall, the proxy to the outside, the clock and "
    "the setting …_ENDPOINT (of http …_URL).",
)
_NETWORK_NAMES = re.compile(r"\w*([Ee]rror|[Tt]imeout|Disconnected|Read|Line)", re.ASCII)
_SILENT = {Trouble.unreachable, Trouble.unanswered}
_UNKNOWN = ProviderCode(
    "",
    Trouble.refused,
    "供应商拒绝了，denglu 没有收录这个错误码。请查供应商文档中的错误码表。",
    "The provider refused, with a code that denglu has no words for. See the provider's own list.",
)


def explain(*codes: str, gateway: str) -> ProviderCode:
    """What a gateway's code means, the first that is known. Of unknown ones the kind of trouble,
    given as one of them, says whether the provider spoke at all.
    """
    catalogues = [CATALOGUES[gateway], OWN_CODES] if gateway in CATALOGUES else [OWN_CODES]
    found = (catalogue.find(code) for code in codes for catalogue in catalogues)
    unknown = _NETWORK if _SILENT & set(codes) else _UNKNOWN
    return next((each for each in found if each), unknown)


def explanations(code: str) -> list[tuple[str, ProviderCode]]:
    """All that a code may mean, with who says so; nothing for a code that nobody knows."""
    own = OWN_CODES.find(code)
    seen = {} if own is None else {id(OWN_CODES): (OWN, own)}
    for name, catalogue in CATALOGUES.items():
        if found := catalogue.find(code):
            seen.setdefault(id(catalogue), (name, found))
    if not seen and _NETWORK_NAMES.fullmatch(code):
        return [(OWN, replace(_NETWORK, code=code))]
    return list(seen.values())


def lines_of(code: ProviderCode) -> str:
    """What to do about it: a line in Chinese and one in English."""
    return f"{code.zh}\n{code.en}"
