"""What messages say: their texts, the product's name in front, what phones fill in by themselves.

Providers send templates of their own and get ``SmsMessage.params``; the text made here goes to
gateways that have no templates.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import Notice, SmsMessage

NOTICE = "notice"
"""The usage of every message without a code."""
DEFAULT_CODE = "您的验证码是{code}，{minutes}分钟内有效，请勿泄露。"
TEMPLATES = (*map(str, Usage), *map(str, Notice))
LONGEST_TEXT = 200
RETRIEVER_BYTES = 140
"""An Android app is handed no longer message by the SMS Retriever."""

_NOTICES = {
    Notice.password_changed: "您的登录密码已修改，其他设备均已退出登录。"
    "如非本人操作，请立即重置密码。",
    Notice.mobile_changed: "您的账号已更换绑定手机号，此号码不再用于登录。"
    "如非本人操作，请立即联系客服。",
    Notice.cancel_requested: "您已申请注销账号，{days}天后将永久删除。"
    "如非本人操作，请登录后撤回并修改密码。",
}
_BLANK = re.compile(r"\{[a-z]*\}")


def placeholders(template: str) -> tuple[str, ...]:
    """What may stand in braces in the text of a template."""
    if template in tuple(Notice):
        return ("product", "days") if template == Notice.cancel_requested else ("product",)
    return ("code", "minutes", "product")


def fault_of(template: str, text: str) -> str:
    """What is wrong with the text of a template (a usage, a notice, or ``code``); or nothing."""
    known = {f"{{{name}}}" for name in placeholders(template)}
    if "{code}" in known and "{code}" not in text:
        return "has no {code}"
    if set(_BLANK.findall(text)) - known or set(_BLANK.sub("", text)) & set("{}"):
        return f"has other braces than {' '.join(sorted(known))}"
    if set(text) & set("【】"):
        return "holds 【】, in which the product's name stands in front of every text"
    if len(text) > LONGEST_TEXT:
        return f"is longer than {LONGEST_TEXT} characters"
    return ""


@dataclass(frozen=True, slots=True)
class Wording:
    """``code`` is the text of every usage that has none of its own in ``texts`` (by template).

    ``domain``: where iPhones, browsers and Macs offer a code, and nowhere else. ``android_hash``:
    the app that is handed a message with a code.
    """

    product: str = "denglu"
    code: str = DEFAULT_CODE
    texts: Mapping[str, str] = field(default_factory=dict)
    domain: str = ""
    android_hash: str = ""

    def of_code(self, usage: Usage, *, mobile: str, code: str, life: int, now: int) -> SmsMessage:
        """The message with a code that lives ``life`` seconds."""
        minutes = max(1, life // 60)
        template = self.texts.get(usage, self.code)
        message = SmsMessage(mobile, usage, code, minutes, "", now, usage, self.product)
        return self._said(message, template, self._autofill(code))

    def of_notice(self, notice: Notice, *, mobile: str, now: int, days: int = 0) -> SmsMessage:
        """A message without a code; ``days``: until what it announces is done."""
        template = self.texts.get(notice, _NOTICES[notice])
        message = SmsMessage(mobile, NOTICE, "", 0, "", now, notice, self.product, days)
        return self._said(message, template, "")

    def longest(self, length: int, life: int) -> Mapping[str, str]:
        """Every text as it would be sent with a code of ``length`` digits, by template."""
        code = "0" * length
        codes = {
            str(usage): self.of_code(usage, mobile="", code=code, life=life, now=0).text
            for usage in Usage
        }
        notices = {
            str(notice): self.of_notice(notice, mobile="", now=0, days=30).text for notice in Notice
        }
        return codes | notices

    def _said(self, message: SmsMessage, template: str, end: str) -> SmsMessage:
        blanks = {name: message.params.get(name, "") for name in placeholders(message.template)}
        return replace(message, text=f"【{self.product}】{template.format(**blanks)}{end}")

    def _autofill(self, code: str) -> str:
        """The last lines. That of the domain must be the last; the hash may stand anywhere."""
        lines = [self.android_hash] if self.android_hash else []
        lines += [f"@{self.domain} #{code}"] if self.domain else []
        return "".join(f"\n{line}" for line in lines)


def size_of(text: str) -> int:
    """Bytes of a text, in UTF-8 or as it travels, whichever are more."""
    return max(len(text.encode()), 0 if text.isascii() else len(text.encode("utf-16-be")))
