"""The doctor's look at how settings and providers fit: templates, codes, limits of a number."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from denglu.doctor.finding import Finding, Level
from denglu.domain.limits import Rate
from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import Notice
from denglu.domain.sms_template import ANY_CODE, Template
from denglu.domain.spend import parts_of
from denglu.settings import Settings
from denglu.settings.model import variable
from denglu.settings.wording import wording_of

_SETTINGS = "DENGLU_SMS_…_TEMPLATES"
_MOST_DIGITS = 6
_DIGITS = ("code", "minutes")
_CODES_ONLY = "aliyun-pnvs"


@dataclass(frozen=True, slots=True)
class _Usual:
    """What a provider lets one number have with one signature, unless told in its console."""

    rates: tuple[Rate, ...]
    where: str


_USUAL = {
    "aliyun": _Usual(
        (Rate(1, 60), Rate(5, 3600), Rate(10, 86400)),
        "通用设置 › 国内消息设置 › 发送频率设置",
    ),
    "tencent": _Usual((Rate(1, 30), Rate(10, 86400)), "应用管理 › 频率限制"),
}


def examine_fit(settings: Settings) -> Iterator[Finding]:
    """Without asking anybody. Nothing where no provider is to send."""
    yield from _templates(settings)
    yield from _codes(settings)
    yield from _limits(settings)
    if "http" in settings.sms_gateways:
        yield from _texts(settings)


def templates_of(settings: Settings) -> Mapping[str, Mapping[str, Template]]:
    """The templates of each configured gateway that has some, by gateway."""
    known = {
        "aliyun": settings.sms_aliyun_templates,
        "aliyun-pnvs": settings.sms_pnvs_templates,
        "tencent": settings.sms_tencent_templates,
    }
    return {name: known[name] for name in settings.sms_gateways if name in known}


def _templates(settings: Settings) -> Iterator[Finding]:
    """Which messages are sent by nobody, and which have one gateway less to go to."""
    by_gateway = templates_of(settings)
    if not by_gateway:
        return
    # The other gateways need no templates.
    others = len(by_gateway) < len(settings.sms_gateways)
    for names, common in ((tuple(Usage), ANY_CODE), (tuple(Notice), "")):
        lacking: dict[tuple[str, ...], list[str]] = {}
        for name in map(str, names):
            without = [g for g, found in by_gateway.items() if not {name, common} & set(found)]
            lacking.setdefault(tuple(without), []).append(name)
        for gateways, without_one in lacking.items():
            nobody = len(gateways) == len(by_gateway) and not others
            if gateways:
                yield _lacking(", ".join(without_one), gateways, nobody=nobody, codes=bool(common))


def _lacking(names: str, gateways: tuple[str, ...], *, nobody: bool, codes: bool) -> Finding:
    said = f"{names}: no template at {', '.join(gateways)}"
    if nobody and codes:
        advice = f"name one, or one for every {ANY_CODE}, in {_SETTINGS}"
        return Finding("templates", Level.fault, f"{said}, so nobody gets these codes", advice)
    able = [name for name in gateways if codes or name != _CODES_ONLY]
    advice = f"{_CODES_ONLY} sends codes only: notices are for another gateway"
    if able:
        advice = f"apply for one at {', '.join(able)}, and name it in {_SETTINGS}"
    if nobody:
        return Finding("templates", Level.note, f"{said}, so members are not told", advice)
    return Finding("templates", Level.note, f"{said}: other gateways send it", advice)


def _codes(settings: Settings) -> Iterator[Finding]:
    """Places for codes in a provider's templates take six digits, and nothing else."""
    strict = [name for name in settings.sms_gateways if name in _USUAL]
    if strict and settings.sms_code_length > _MOST_DIGITS:
        yield Finding(
            "codes",
            Level.fault,
            f"{variable('sms_code_length')}={settings.sms_code_length}: templates for codes at "
            f"{' and '.join(strict)} take {_MOST_DIGITS} digits at most",
            f"set {variable('sms_code_length')}={_MOST_DIGITS}",
        )
    if "tencent" not in settings.sms_gateways:
        return
    for name, template in settings.sms_tencent_templates.items():
        if "code" in template.params and set(template.params) - set(_DIGITS):
            yield Finding(
                "codes",
                Level.fault,
                f"tencent: template {name} is to be filled with {'+'.join(template.params)}, and "
                "templates for codes take digits only",
                "write the product's name into the template itself",
            )


def _limits(settings: Settings) -> Iterator[Finding]:
    """A provider that lets a number have less than we do refuses what members ask for."""
    ours = (Rate(1, settings.sms_cooldown), *settings.sms_number_rates)
    for name in settings.sms_gateways:
        if name not in _USUAL:
            continue
        usual = _USUAL[name]
        less = [rate for rate in usual.rates if _within(rate.window, ours) > rate.count]
        if not less:
            yield Finding("limits", Level.ok, f"a number gets no more than {name} usually allows")
        for rate in less:
            yield Finding(
                "limits",
                Level.warning,
                f"a number may get {_within(rate.window, ours)} messages here, and at {name} "
                f"{rate} unless its console was told otherwise: it refuses the rest",
                f"raise it there ({usual.where}), or lower {variable('sms_number_rates')}",
            )


def _within(window: int, rates: tuple[Rate, ...]) -> int:
    """At most so many in so many seconds."""
    return min(rate.count * -(-window // rate.window) for rate in rates)


def _texts(settings: Settings) -> Iterator[Finding]:
    texts = wording_of(settings).longest(settings.sms_code_length, settings.sms_code_ttl)
    for name, text in texts.items():
        if (parts := parts_of(text)) > 1:
            yield Finding(
                "texts",
                Level.warning,
                f"{name}: has {len(text)} characters, and is billed as {parts} messages",
                f"shorten {variable('sms_texts')} or {variable('sms_text')} to 70 in all",
            )
