"""Rules that tie several settings together. They run only when each of them is sound."""

from collections.abc import Iterator
from dataclasses import dataclass

from denglu.domain.groups import Groups
from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import Notice
from denglu.domain.spend import parts_of
from denglu.domain.wording import RETRIEVER_BYTES, size_of
from denglu.settings import sms_aliyun, sms_http, sms_tencent
from denglu.settings.captcha import NEEDED
from denglu.settings.model import Settings, about, shown, variable
from denglu.settings.sms_budget import money_text, prices_of
from denglu.settings.wording import wording_of

_GATEWAYS_NEED = sms_aliyun.NEEDED | sms_tencent.NEEDED | sms_http.NEEDED
_OWASP_ONE_PASS_KIB = 47104
_FOUR_DIGITS = 4
_FOUR_DIGIT_TRIES = 3
_FOUR_DIGIT_DAILY = 6


@dataclass(frozen=True, slots=True)
class Together:
    """One broken rule: the settings it speaks of (the first is to be changed), and why."""

    fields: tuple[str, ...]
    why: str

    @property
    def names(self) -> frozenset[str]:
        """The settings, for set arithmetic."""
        return frozenset(self.fields)

    def line(self, settings: Settings) -> str:
        """The fault as one line."""
        first, *rest = (_assigned(settings, name) for name in self.fields)
        return f"{first} beside {', '.join(rest)}: {self.why}"


def _assigned(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    if value in (None, "", {}):
        return f"{variable(name)} (not set)"
    return f"{variable(name)}={shown(name, value)} (from {settings.source_of(name)})"


def check_together(settings: Settings) -> list[Together]:
    """Every broken rule."""
    return [
        *_codes(settings),
        *_sms(settings),
        *_budgets(settings),
        *_test_numbers(settings),
        *_texts(settings),
        *_captcha(settings),
        *_lives(settings),
        *_deployment(settings),
        *_storage(settings),
    ]


def _codes(s: Settings) -> Iterator[Together]:
    length = ("sms_code_length", "wire")
    if s.sms_code_length == _FOUR_DIGITS + 1:
        yield Together(length, "allowed: 6 … 8, and 4 in the rageframe profile")
    if s.sms_code_length != _FOUR_DIGITS:
        return
    if s.wire != "rageframe":
        yield Together(length, "allowed: 6 … 8; 4 digits only in the rageframe profile")
    if s.sms_code_tries > _FOUR_DIGIT_TRIES:
        yield Together(
            ("sms_code_tries", "sms_code_length"), "allowed: 1 … 3 with 4 digits (13 bits)"
        )
    daily = about("code_number_rates").measure
    if daily is not None and daily(s.code_number_rates) > _FOUR_DIGIT_DAILY:
        yield Together(
            ("code_number_rates", "sms_code_length"),
            "allowed: 6/24h or less with 4 digits: the limits carry the security",
        )


def _sms(s: Settings) -> Iterator[Together]:
    if "outbox" in s.sms_gateways and s.sms_outbox is None:
        yield Together(
            ("sms_outbox", "sms_gateways"), "the gateway outbox needs the path of its file"
        )
    for gateway in s.sms_gateways:
        for name, called in _GATEWAYS_NEED.get(gateway, {}).items():
            if not getattr(s, name):
                yield Together((name, "sms_gateways"), f"the gateway {gateway} needs {called}")
    if set(s.sms_pnvs_templates) & set(Notice):
        yield Together(
            ("sms_pnvs_templates", "sms_gateways"), "the gateway aliyun-pnvs sends codes only"
        )
    if s.sms_gateway_timeout > s.sms_timeout:
        yield Together(
            ("sms_gateway_timeout", "sms_timeout"), "one gateway cannot take longer than all"
        )


def _budgets(s: Settings) -> Iterator[Together]:
    prices = prices_of(s, s.sms_gateways)
    texts = wording_of(s).longest(s.sms_code_length, s.sms_code_ttl).values()
    dearest = max(prices.values(), default=0) * max(map(parts_of, texts))
    for name in ("sms_budget", "sms_merchant_budget"):
        caps = getattr(s, name).values()
        for gateway in s.sms_gateways:
            if caps and gateway not in prices:
                yield Together(
                    ("sms_prices", name), f"a budget in money needs the price of {gateway}"
                )
        if any(cap < dearest for cap in caps):
            yield Together(
                (name, "sms_prices"),
                f"the longest message may cost {money_text(dearest)}: it would never be sent",
            )


def _test_numbers(s: Settings) -> Iterator[Together]:
    if s.sms_test_numbers and s.sms_test_until is None:
        yield Together(
            ("sms_test_until", "sms_test_numbers"), "codes that never change need a last day"
        )
    if any(len(code) != s.sms_code_length for code in s.sms_test_numbers.values()):
        yield Together(
            ("sms_test_numbers", "sms_code_length"), "each code must be as long as all others"
        )


def _texts(s: Settings) -> Iterator[Together]:
    if not s.sms_android_hash:
        return
    texts = wording_of(s).longest(s.sms_code_length, s.sms_code_ttl)
    long = {usage: size for usage in Usage if (size := size_of(texts[usage])) > RETRIEVER_BYTES}
    if long:
        yield Together(
            ("sms_android_hash", "sms_texts" if set(long) & set(s.sms_texts) else "sms_text"),
            f"Android hands an app messages of {RETRIEVER_BYTES} bytes at most, and with name, "
            f"hash and domain that of {' '.join(long)} has {max(long.values())}: shorten the text",
        )


def _captcha(s: Settings) -> Iterator[Together]:
    for name, called in NEEDED.get(s.captcha, {}).items():
        if getattr(s, name) in (None, ""):
            yield Together((name, "captcha"), f"{s.captcha} needs {called}")
    if s.captcha == "tencent" and s.captcha_id and not s.captcha_id.isdecimal():
        yield Together(("captcha_id", "captcha"), "the CaptchaAppId of tencent is a number")


def _lives(s: Settings) -> Iterator[Together]:
    if s.access_ttl > s.refresh_idle:
        yield Together(("access_ttl", "refresh_idle"), "a session would end under its own token")
    if s.refresh_idle > s.refresh_absolute:
        yield Together(("refresh_idle", "refresh_absolute"), "idle cannot outlast absolute")
    if s.argon2_time < 2 and s.argon2_memory_kib < _OWASP_ONE_PASS_KIB:
        yield Together(
            ("argon2_time", "argon2_memory_kib"),
            "allowed: at least 2 below 47104 KiB; weaker than the OWASP minimum",
        )


def _deployment(s: Settings) -> Iterator[Together]:
    if "*" in s.cors_origins and (s.wire != "rageframe" or len(s.cors_origins) > 1):
        yield Together(
            ("cors_origins", "wire"),
            "allowed: exact origins; * alone, and only in the rageframe profile",
        )
    known = {group.name for group in Groups(s.groups, folded=True)}
    if lost := sorted(set(s.group_aliases.values()) - known):
        yield Together(("group_aliases", "groups"), f"there is no group {', '.join(lost)}")


def _storage(s: Settings) -> Iterator[Together]:
    for name in ("database_connect_timeout", "database_pool_timeout"):
        if getattr(s, name) > s.database_statement_timeout:
            yield Together(
                (name, "database_statement_timeout"),
                "a transaction has that time for all it does: it cannot wait longer to begin",
            )
