"""The forms of the endpoints: which fields, what each must hold, and what people call them.

A form is a pydantic model, so the API document and the check come from one place. Every
check is pure; all wrong fields are found, and the message speaks of the first: what is
missing before what is wrong, then in the order of the refusal table.
"""

from collections.abc import Hashable
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from denglu.api import checks
from denglu.api.refusals import Label
from denglu.domain.errors import Reason
from denglu.domain.groups import Group
from denglu.domain.sms_code import Usage

_USERNAME = Label("登录帐号", "Username")
_LOGIN_PASSWORD = Label("登录密码", "Password")
_GROUP = Label("组别", "Group")
_REFRESH_TOKEN = Label("重置令牌", "Refresh token")
_TOKEN = Label("令牌", "Token")
_MOBILE = Label("手机号码", "Mobile number")
_USAGE = Label("用途", "Usage")
_CODE = Label("验证码", "Verification code")
_TYPE = Label("类型", "Group")
_OLD_PASSWORD = Label("原密码", "Current password")
_PASSWORD = Label("密码", "Password")
_REPETITION = Label("重复密码", "Repeated password")
_NICKNAME = Label("昵称", "Nickname")
_NEW_CODE = Label("新号码验证码", "Verification code of the new number")
_CAPTCHA = Label("安全验证", "Security check")


def _told(zh: str, en: str, *, max_length: int | None = None) -> Any:
    """What the API document says of a field, in both languages."""
    said: dict[str, Any] = {"x-texts": {"zh": {"description": zh}, "en": {"description": en}}}
    if max_length is not None:
        said["maxLength"] = max_length  # said here, checked in `checks`
    return Field(description=f"{zh} {en}", json_schema_extra=said)


_GROUP_HELP = _told("会话所在的客户端组别。", "The kind of client: where the session lives.")

UsernameField = Annotated[
    str,
    checks.Username,
    _told(
        "用户名、手机号码或邮箱。",
        "A username, a mobile number or an e-mail address.",
        max_length=checks.USERNAME_MAX,
    ),
]
PasswordField = Annotated[str, checks.Text, _told("密码。", "The password.")]
NewPasswordField = Annotated[
    str,
    checks.NewPassword,
    _told("新密码，按字符计长度。", "The new password; characters count, not bytes."),
]
OldPasswordField = Annotated[
    str, checks.Text, _told("现在的密码。", "The password that is to be changed.")
]
OtherPasswordField = Annotated[
    str,
    checks.OtherPassword,
    _told(
        "新密码，按字符计长度，不能与原密码相同。",
        "The new password, another one; characters count, not bytes.",
    ),
]
RepetitionField = Annotated[
    str, checks.Repetition, _told("再输入一次密码。", "The same password again.")
]
GroupField = Annotated[Group, checks.GroupName, _GROUP_HELP]
_USAGE_HELP = _told("验证码只能用于此用途。", "What the code is for; it is good for nothing else.")
UsageField = Annotated[Usage, checks.UsageName, _USAGE_HELP]
UserUsageField = Annotated[Usage, checks.UserUsageName, _USAGE_HELP]
MobileField = Annotated[
    str,
    checks.Mobile,
    _told("中国大陆手机号码，可带 +86。", "A mainland mobile number, with or without +86."),
]
CodeField = Annotated[
    str,
    checks.Code,
    _told("短信中的数字，文本或整数均可。", "The digits of the message, as text or integer."),
]
NicknameField = Annotated[
    str,
    checks.Nickname,
    _told("其他人看到的名字。", "The name that others see.", max_length=checks.NICKNAME_MAX),
]
RefreshTokenField = Annotated[
    str, checks.Text, _told("最近一次得到的重置令牌。", "The refresh token received last.")
]
TokenField = Annotated[
    str,
    checks.Token,
    _told("访问令牌。", "An access token.", max_length=checks.TOKEN_MAX),
]
CaptchaField = Annotated[
    str,
    checks.Captcha,
    checks.Optional,
    _told(
        "仅在被拒绝且 reason 为 captcha_required 后需要：按 data.captcha 完成安全验证所得的结果。",
        "Only after a refusal with the reason captcha_required: what data.captcha asked for.",
        max_length=checks.CAPTCHA_MAX,
    ),
]
# A member's proof: which of the two counts depends on the member.
OwnCodeField = Annotated[
    str,
    checks.Code,
    checks.WithMobile,
    _told(
        "发送到当前绑定号码的验证码；没有绑定号码的会员改用 password。",
        "The code that was sent to the member's present number; a member without one sends the "
        "password instead.",
    ),
    Field(validate_default=True),
]
OwnPasswordField = Annotated[
    str,
    checks.Text,
    checks.WithoutMobile,
    _told("仅用于没有绑定号码的会员。", "Only of a member without a number."),
    Field(validate_default=True),
]
_ONE_PROOF: JsonDict = {"anyOf": [{"required": ["code"]}, {"required": ["password"]}]}


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

    labels = {
        "username": _USERNAME,
        "password": _LOGIN_PASSWORD,
        "group": _GROUP,
        "captcha_token": _CAPTCHA,
    }
    username: UsernameField
    password: PasswordField
    group: GroupField
    captcha_token: CaptchaField = ""


class RefreshForm(Form):
    """A new pair of tokens for a refresh token."""

    labels = {"refresh_token": _REFRESH_TOKEN, "group": _GROUP}
    refresh_token: RefreshTokenField
    group: Annotated[Group | None, checks.GroupName, _GROUP_HELP]


class SmsCodeForm(Form):
    """An SMS code, please."""

    labels = {"mobile": _MOBILE, "usage": _USAGE, "captcha_token": _CAPTCHA}
    mobile: MobileField
    usage: UsageField
    captcha_token: CaptchaField = ""


class UserSmsCodeForm(SmsCodeForm):
    """An SMS code for a merchant's user: nobody pays for one that is good for nothing."""

    usage: UserUsageField


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


class ChangePasswordForm(Form):
    """A new password, by the old one."""

    labels = {
        "old_password": _OLD_PASSWORD,
        "password": _PASSWORD,
        "password_repetition": _REPETITION,
    }
    old_password: OldPasswordField
    password: OtherPasswordField
    password_repetition: RepetitionField


class CancelForm(Form):
    """The end of the account."""

    model_config = ConfigDict(json_schema_extra=_ONE_PROOF)
    labels = {"code": _CODE, "password": _PASSWORD}
    code: OwnCodeField = ""
    password: OwnPasswordField = ""


class ChangeMobileForm(Form):
    """Another mobile."""

    model_config = ConfigDict(json_schema_extra=_ONE_PROOF)
    labels = {"mobile": _MOBILE, "code": _CODE, "password": _PASSWORD, "new_code": _NEW_CODE}
    mobile: MobileField
    code: OwnCodeField = ""
    password: OwnPasswordField = ""
    new_code: Annotated[
        str,
        checks.Code,
        _told(
            "发送到新号码的验证码，用途 binding-mobile。",
            "The code that was sent to the new number, usage binding-mobile.",
        ),
    ]


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


class LooseChangePasswordForm(ChangePasswordForm):
    """The repetition is compared when it is there."""

    password_repetition: Annotated[RepetitionField, checks.Optional] = ""


_LOOSE: dict[type[Form], type[Form]] = {
    LoginForm: LooseLoginForm,
    RefreshForm: LooseRefreshForm,
    ResetPasswordForm: LooseResetPasswordForm,
    RegisterForm: LooseRegisterForm,
    ChangePasswordForm: LooseChangePasswordForm,
}


def form_of(form: type[Form], *, loose: bool) -> type[Form]:
    """The form that a profile reads: `rageframe` takes the loose one where there is one."""
    return _LOOSE.get(form, form) if loose else form
