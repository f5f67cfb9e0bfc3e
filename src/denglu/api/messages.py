"""The sentences of refusals, in Chinese and English, and the choice between the two."""

from denglu.api.refusals import Label
from denglu.domain.errors import Reason

_NO_LABEL = Label("字段", "Field")
_LONGEST_HEADER = 256

_CHINESE = {
    Reason.missing_field: "{label}不能为空。",
    Reason.invalid_group: "{label}是无效的。",
    Reason.invalid_usage: "{label}是无效的。",
    Reason.invalid_mobile: "请输入正确的手机号",
    Reason.invalid_type: "{label}必须是一条字符串。",
    Reason.too_long: "{label}太长了。",
    Reason.password_too_short: "密码应该包含至少{minimum}个字符。",
    Reason.password_too_long: "密码太长了。",
    Reason.password_too_common: "密码过于简单，请换一个。",
    Reason.password_unchanged: "新密码不能与原密码相同。",
    Reason.password_mismatch: '重复密码的值必须等于"密码"。',
    Reason.bad_credentials: "用户名或密码错误",
    Reason.bad_code: "验证码错误",
    Reason.wrong_password: "原密码错误",
    Reason.captcha_required: "请先完成安全验证",
    Reason.member_not_found: "找不到用户",
    Reason.mobile_taken: "此手机号码已存在。",
    Reason.sms_too_frequent: "请不要频繁发送短信",
    Reason.sms_budget: "短信发送量已达上限，请稍后再试",
    Reason.sms_failed: "短信发送失败",
    Reason.too_many_attempts: "操作过于频繁，请稍后再试",
    Reason.busy: "服务器繁忙，请稍后再试",
    Reason.token_missing: "请先登录",
    Reason.token_invalid: "登录凭证无效，请重新登录",
    Reason.token_expired: "您的登录验证已经过期，请重新登录",
    Reason.session_replaced: "您的账号已在其他设备登录，请重新登录",
    Reason.session_ended: "登录已失效，请重新登录",
    Reason.refresh_expired: "您的重置令牌已经过期，请重新登录",
    Reason.refresh_invalid: "找不到用户",
    Reason.not_found: "页面未找到。",
    Reason.merchant_not_found: "找不到商户",
    Reason.merchant_plugin_missing: (
        "商户接口未启用：请设置 DENGLU_PLUGINS=merchant 并重启，"
        "再用 denglu merchant add 和 denglu merchant user-add 创建商户和商户用户。"
    ),
    Reason.method_not_allowed: "请求方法不被允许",
    Reason.malformed_body: "请求格式错误",
    Reason.unsupported_media_type: "不支持的请求格式",
    Reason.body_too_large: "请求内容过大",
    Reason.internal: "服务器打瞌睡了~",
}

_ENGLISH = {
    Reason.missing_field: "{label} cannot be blank.",
    Reason.invalid_group: "{label} is invalid.",
    Reason.invalid_usage: "{label} is invalid.",
    Reason.invalid_mobile: "Please enter a valid mobile number",
    Reason.invalid_type: "{label} must be a string.",
    Reason.too_long: "{label} is too long.",
    Reason.password_too_short: "The password should contain at least {minimum} characters.",
    Reason.password_too_long: "The password is too long.",
    Reason.password_too_common: "This password is too common, please choose another one.",
    Reason.password_unchanged: "The new password must not be the current one.",
    Reason.password_mismatch: "The repeated password must be equal to the password.",
    Reason.bad_credentials: "Wrong username or password",
    Reason.bad_code: "Wrong verification code",
    Reason.wrong_password: "The current password is wrong",
    Reason.captcha_required: "Please complete the security check first",
    Reason.member_not_found: "Member not found",
    Reason.mobile_taken: "This mobile number is already registered.",
    Reason.sms_too_frequent: "Please do not ask for messages so often",
    Reason.sms_budget: "No more messages can be sent for now",
    Reason.sms_failed: "The message could not be sent",
    Reason.too_many_attempts: "Too many attempts, please try again later",
    Reason.busy: "The server is busy, please try again later",
    Reason.token_missing: "Please log in first",
    Reason.token_invalid: "This token is not valid, please log in again",
    Reason.token_expired: "Your login has expired, please log in again",
    Reason.session_replaced: "Your account was used to log in on another device, "
    "please log in again",
    Reason.session_ended: "This login is no longer valid, please log in again",
    Reason.refresh_expired: "Your refresh token has expired, please log in again",
    Reason.refresh_invalid: "Member not found",
    Reason.not_found: "Page not found.",
    Reason.merchant_not_found: "Merchant not found",
    Reason.merchant_plugin_missing: (
        "The merchant API is not enabled: set DENGLU_PLUGINS=merchant and restart, then make "
        "a merchant and its user with `denglu merchant add` and `denglu merchant user-add`."
    ),
    Reason.method_not_allowed: "This request method is not allowed",
    Reason.malformed_body: "The request body is malformed",
    Reason.unsupported_media_type: "This type of request body is not supported",
    Reason.body_too_large: "The request body is too large",
    Reason.internal: "The server has dozed off~",
}


def sentence(reason: Reason, *, english: bool, label: Label | None = None, minimum: int = 8) -> str:
    """The sentence for a reason. `minimum`: characters that a new password needs."""
    label = label or _NO_LABEL
    text = (_ENGLISH if english else _CHINESE)[reason]
    return text.format(label=label.en if english else label.zh, minimum=minimum)


def prefers_english(accept_language: str) -> bool:
    """Whether an Accept-Language header ranks English above Chinese; Chinese is the default."""
    best = {"en": 0.0, "zh": 0.0}
    for item in accept_language[:_LONGEST_HEADER].lower().split(","):
        tag, _, parameter = item.strip().partition(";")
        language = tag.strip().partition("-")[0]
        if language in best:
            best[language] = max(best[language], _quality(parameter))
    return best["en"] > best["zh"] or (
        # Equal ranks: the one that is named first.
        best["en"] == best["zh"] > 0 and accept_language.lower().lstrip().startswith("en")
    )


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
