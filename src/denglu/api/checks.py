"""What a field must hold: one check per kind of field, pure, for pydantic to call.

A check raises the reason as a pydantic error; `read_form` turns all of them into one
refusal. The password policy itself is `domain.passwords`.
"""

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from pydantic import (
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from denglu.api.refusals import WireRefusal
from denglu.domain.errors import Reason
from denglu.domain.groups import Group, Groups
from denglu.domain.member import Member
from denglu.domain.mobile import canonical_mobile
from denglu.domain.passwords import check_new_password
from denglu.domain.sms_code import FIELD_USAGES, Usage, read_code

if TYPE_CHECKING:
    from denglu.api.forms import Form

USERNAME_MAX, NICKNAME_MAX, TOKEN_MAX, CAPTCHA_MAX = 255, 60, 512, 8192

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_RANK = {reason: rank for rank, reason in enumerate(Reason)}
_USAGES = {usage.value: usage for usage in Usage}
# What merchants' users can do with a code.
_UserUsage = Literal[Usage.login, Usage.up_pwd]

F = TypeVar("F", bound="Form")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the checks need to know of the settings."""

    groups: Groups
    code_length: int
    password_minimum: int
    site_words: Sequence[str]
    common_passwords: Container[str]
    loose: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    """The context of one check: the rules, the whole body for checks across fields, and the
    member whose token came with it.
    """

    rules: Rules
    raw: Mapping[str, object]
    member: Member | None

    def text(self, name: str) -> str:
        """Another field's text; empty when it is none."""
        value = self.raw.get(name)
        return value if isinstance(value, str) else ""

    def owner(self) -> tuple[str, str, str]:
        """Mobile, nickname and username of whose password it is, as far as they are known."""
        if self.member is None:
            return self.text("mobile"), self.text("nickname"), ""
        return self.member.mobile, self.member.nickname, self.member.username


def read_form(
    form: type[F], raw: Mapping[str, object], rules: Rules, member: Member | None = None
) -> F:
    """Check a body's fields, for a caller who is known to be ``member``.

    Raises WireRefusal with every wrong field, the first one first.
    """
    try:
        return form.model_validate(raw, context=_Reading(rules, raw, member))
    except ValidationError as error:
        wrong = {str(item["loc"][0]): _reason(item["type"]) for item in _errors(error)}
    # Stable: fields of one rank stay in the order of the body list.
    fields = dict(sorted(wrong.items(), key=lambda item: _RANK[item[1]]))
    if Reason.malformed_body in fields.values():
        raise WireRefusal(Reason.malformed_body)
    first, reason = next(iter(fields.items()))
    raise WireRefusal(reason, fields=fields, label=form.labels[first])


def _errors(error: ValidationError) -> Sequence[Mapping[str, Any]]:
    return error.errors(include_url=False, include_context=False, include_input=False)


def is_missing(value: object) -> bool:
    """Absent, null, empty and blanks are one and the same."""
    return value is None or (isinstance(value, str) and not value.strip())


def _reason(error_type: str) -> Reason:
    return Reason.missing_field if error_type == "missing" else Reason(error_type)


def _wrong(reason: Reason) -> PydanticCustomError:
    return PydanticCustomError(reason.value, reason.value)


def _reading(info: ValidationInfo[_Reading]) -> _Reading:
    assert info.context is not None
    return info.context


def _rules(info: ValidationInfo[_Reading]) -> Rules:
    return _reading(info).rules


def _text(value: object) -> str:
    if is_missing(value):
        raise _wrong(Reason.missing_field)
    if not isinstance(value, str):
        raise _wrong(Reason.invalid_type)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            # Half a character: no UTF-8, no database and no answer could hold it.
            raise _wrong(Reason.malformed_body) from None
    return value


def _line(most: int) -> Callable[[object], str]:
    """Text of one line, without control characters, of at most so many code points."""

    def check(value: object) -> str:
        text = _text(value)
        if _CONTROL.search(text):
            raise _wrong(Reason.invalid_type)
        if len(text) > most:
            raise _wrong(Reason.too_long)
        return text

    return check


def _group(value: object, info: ValidationInfo[_Reading]) -> Group:
    group = _rules(info).groups.find(_text(value))
    if group is None:
        raise _wrong(Reason.invalid_group)
    return group


def _usage(value: object, info: ValidationInfo[_Reading]) -> Usage:
    text = _text(value)
    usage = _USAGES.get(text) or (FIELD_USAGES.get(text) if _rules(info).loose else None)
    if usage is None:
        raise _wrong(Reason.invalid_usage)
    return usage


def _user_usage(value: object, info: ValidationInfo[_Reading]) -> Usage:
    usage = _usage(value, info)
    if usage not in get_args(_UserUsage):
        raise _wrong(Reason.invalid_usage)
    return usage


def _mobile(value: object) -> str:
    mobile = canonical_mobile(_text(value))
    if mobile is None:
        raise _wrong(Reason.invalid_mobile)
    return mobile


def _code(value: object, info: ValidationInfo[_Reading]) -> str:
    """The code's digits, or "" when it can't be one: the flow then counts a wrong try."""
    if not isinstance(value, int) or isinstance(value, bool):
        value = _text(value)
    return read_code(value, _rules(info).code_length) or ""


def _new_password(value: object, info: ValidationInfo[_Reading]) -> str:
    password = _text(value)
    reading = _reading(info)
    mobile, nickname, username = reading.owner()
    reason = check_new_password(
        password,
        minimum=reading.rules.password_minimum,
        common=reading.rules.common_passwords,
        mobile=canonical_mobile(mobile) or mobile,
        nickname=nickname,
        site_words=(*reading.rules.site_words, username),
    )
    if reason is not None:
        raise _wrong(reason)
    return password


def _other_password(value: object, info: ValidationInfo[_Reading]) -> str:
    password = _new_password(value, info)
    if password == _reading(info).text("old_password"):
        raise _wrong(Reason.password_unchanged)
    return password


def _repetition(value: object, info: ValidationInfo[_Reading]) -> str:
    text = _text(value)
    password = _reading(info).text("password")
    # Without a password there's nothing to compare, and enough to say about that one.
    if password.strip() and text != password:
        raise _wrong(Reason.password_mismatch)
    return text


def _optional(value: object, check: Callable[[object], Any], info: ValidationInfo[_Reading]) -> Any:
    # What a form leaves empty is the field's default: "" for text, None for a group.
    if not is_missing(value):
        return check(value)
    return None if info.field_name == "group" else ""


def _has_mobile(info: ValidationInfo[_Reading]) -> bool:
    member = _reading(info).member
    return member is not None and bool(member.mobile)


def _with_mobile(
    value: object, check: Callable[[object], Any], info: ValidationInfo[_Reading]
) -> Any:
    # Not looked at where it proves nothing.
    return check(value) if _has_mobile(info) else ""


def _without_mobile(
    value: object, check: Callable[[object], Any], info: ValidationInfo[_Reading]
) -> Any:
    return "" if _has_mobile(info) else check(value)


Text = PlainValidator(_text, json_schema_input_type=str)
Username = PlainValidator(_line(USERNAME_MAX), json_schema_input_type=str)
Nickname = PlainValidator(_line(NICKNAME_MAX), json_schema_input_type=str)
Token = PlainValidator(_line(TOKEN_MAX), json_schema_input_type=str)
Captcha = PlainValidator(_line(CAPTCHA_MAX), json_schema_input_type=str)
GroupName = PlainValidator(_group, json_schema_input_type=str)
UsageName = PlainValidator(_usage, json_schema_input_type=Usage)
UserUsageName = PlainValidator(_user_usage, json_schema_input_type=_UserUsage)
Mobile = PlainValidator(_mobile, json_schema_input_type=str)
Code = PlainValidator(_code, json_schema_input_type=str | int)
NewPassword = PlainValidator(_new_password, json_schema_input_type=str)
OtherPassword = PlainValidator(_other_password, json_schema_input_type=str)
Repetition = PlainValidator(_repetition, json_schema_input_type=str)
Optional = WrapValidator(_optional)
WithMobile = WrapValidator(_with_mobile)
WithoutMobile = WrapValidator(_without_mobile)

RAISES: dict[object, tuple[Reason, ...]] = {
    Username: (Reason.too_long,),
    Nickname: (Reason.too_long,),
    Token: (Reason.too_long,),
    Captcha: (Reason.too_long,),
    GroupName: (Reason.invalid_group,),
    UsageName: (Reason.invalid_usage,),
    UserUsageName: (Reason.invalid_usage,),
    Mobile: (Reason.invalid_mobile,),
    Code: (Reason.bad_code,),
    NewPassword: (
        Reason.password_too_short,
        Reason.password_too_long,
        Reason.password_too_common,
    ),
    OtherPassword: (
        Reason.password_too_short,
        Reason.password_too_long,
        Reason.password_too_common,
        Reason.password_unchanged,
    ),
    Repetition: (Reason.password_mismatch,),
}
"""What each check may say, beside `missing_field` and `invalid_type`: for the API document."""
