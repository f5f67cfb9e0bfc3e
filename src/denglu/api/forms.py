"""The forms of the endpoints: which fields, what each must hold, and what people call them.

A form is a pydantic model, so the API document and the check come from one place. Every
check is pure; all wrong fields are found, and the message speaks of the first: what is
missing before what is wrong, then in the order of the refusal table.
"""

from collections.abc import Hashable
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from denglu.api import checks
from denglu.api.refusals import Label
from denglu.domain.errors import Reason
from denglu.domain.groups import Group
from denglu.domain.sms_code import Usage

_USERNAME = Label("登录帐号", "The username")
_LOGIN_PASSWORD = Label("登录密码", "The password")
_GROUP = Label("组别", "The group")
_REFRESH_TOKEN = Label("重置令牌", "The refresh token")
_TOKEN = Label("令牌", "The token")
_MOBILE = Label("手机号码", "The mobile number")
_USAGE = Label("用途", "The usage")
_CODE = Label("验证码", "The verification code")
_TYPE = Label("类型", "The group")
_PASSWORD = Label("密码", "The password")
_REPETITION = Label("重复密码", "The repeated password")
_NICKNAME = Label("昵称", "The nickname")

_GROUP_HELP = "The client group: where the session lives. 组别。"

UsernameField = Annotated[
    str,
    checks.Username,
    Field(
        description="A username, a mobile number or an e-mail address. 用户名、手机号码或邮箱。",
        max_length=checks.USERNAME_MAX,
        examples=["demo"],
    ),
]
PasswordField = Annotated[
    str, checks.Text, Field(description="The password. 密码。", examples=["correct-horse-9"])
]
NewPasswordField = Annotated[
    str,
    checks.NewPassword,
    Field(
        description="The new password; characters count, not bytes. 新密码。",
        examples=["correct-horse-9"],
    ),
]
RepetitionField = Annotated[
    str,
    checks.Repetition,
    Field(description="The same password again. 重复密码。", examples=["correct-horse-9"]),
]
GroupField = Annotated[
    Group,
    checks.GroupName,
    Field(description=_GROUP_HELP, examples=["pc"]),
]
UsageField = Annotated[
    Usage,
    checks.UsageName,
    Field(description="What the code is for; it is good for nothing else. 用途。"),
]
MobileField = Annotated[
    str,
    checks.Mobile,
    Field(
        description="A mainland mobile number, with or without +86. 手机号码。",
        examples=["13800000000"],
    ),
]
CodeField = Annotated[
    str,
    checks.Code,
    Field(description="The code from the message, digits as text or integer. 验证码。"),
]
NicknameField = Annotated[
    str,
    checks.Nickname,
    Field(description="The nickname. 昵称。", max_length=checks.NICKNAME_MAX, examples=["小登"]),
]
RefreshTokenField = Annotated[str, checks.Text, Field(description="The refresh token. 重置令牌。")]
TokenField = Annotated[
    str,
    checks.Token,
    Field(description="An access token. 访问令牌。", max_length=checks.TOKEN_MAX),
]


class Form(BaseModel):
    """A body's fields. Unknown ones are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)
    labels: ClassVar[dict[str, Label]] = {}


def reasons_of(form: type[Form]) -> tuple[Reason, ...]:
    """Why this form may be refused, in the order of the refusal table."""
    found = {Reason.missing_field, Reason.invalid_type}
    for field in form.model_fields.values():
        for check in field.metadata:
            found.update(checks.RAISES.get(check, ()) if isinstance(check, Hashable) else ())
    return tuple(reason for reason in Reason if reason in found)


class LoginForm(Form):
    """Login by password."""

    labels = {"username": _USERNAME, "password": _LOGIN_PASSWORD, "group": _GROUP}
    username: UsernameField
    password: PasswordField
    group: GroupField


class RefreshForm(Form):
    """A new pair of tokens for a refresh token."""

    labels = {"refresh_token": _REFRESH_TOKEN, "group": _GROUP}
    refresh_token: RefreshTokenField
    group: Annotated[Group | None, checks.GroupName, Field(description=_GROUP_HELP)]


class SmsCodeForm(Form):
    """An SMS code, please."""

    labels = {"mobile": _MOBILE, "usage": _USAGE}
    mobile: MobileField
    usage: UsageField


class MobileLoginForm(Form):
    """Login by SMS code."""

    labels = {"mobile": _MOBILE, "code": _CODE, "group": _GROUP}
    mobile: MobileField
    code: CodeField
    group: GroupField


class ResetPasswordForm(Form):
    """A new password, by SMS code."""

    labels = {
        "mobile": _MOBILE,
        "code": _CODE,
        "group": _TYPE,
        "password": _PASSWORD,
        "password_repetition": _REPETITION,
    }
    mobile: MobileField
    code: CodeField
    group: GroupField
    password: NewPasswordField
    password_repetition: RepetitionField


class RegisterForm(ResetPasswordForm):
    """A new member."""

    labels = ResetPasswordForm.labels | {"nickname": _NICKNAME}
    nickname: NicknameField


class VerifyForm(Form):
    """Is this access token worth keeping?"""

    labels = {"token": _TOKEN}
    token: TokenField


class LooseLoginForm(LoginForm):
    """`username` or `mobile`, whichever is there."""

    @model_validator(mode="before")
    @classmethod
    def _either(cls, raw: dict[str, Any]) -> dict[str, Any]:
        if checks.is_missing(raw.get("username")) and not checks.is_missing(raw.get("mobile")):
            return raw | {"username": raw["mobile"]}
        return raw


class LooseRefreshForm(RefreshForm):
    """Without a group, any session's token will do."""

    group: Annotated[Group | None, checks.GroupName, checks.Optional] = None


class LooseResetPasswordForm(ResetPasswordForm):
    """The repetition is compared when it is there."""

    password_repetition: Annotated[RepetitionField, checks.Optional] = ""


class LooseRegisterForm(RegisterForm):
    """The repetition is compared when it is there; a nickname may be missing."""

    password_repetition: Annotated[RepetitionField, checks.Optional] = ""
    nickname: Annotated[NicknameField, checks.Optional] = ""


LOOSE: dict[type[Form], type[Form]] = {
    LoginForm: LooseLoginForm,
    RefreshForm: LooseRefreshForm,
    ResetPasswordForm: LooseResetPasswordForm,
    RegisterForm: LooseRegisterForm,
}
"""What profile `rageframe` reads instead."""
