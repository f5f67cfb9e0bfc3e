"""Tencent Cloud's error codes of sending (``SendSms``, version 2021-01-11) and of every call."""

import re
from typing import Any

from denglu.domain.sms_message import Trouble
from denglu.sms.codes import UNREADABLE, Catalogue, ProviderCode
from denglu.sms.network import never_left, root_of

UNAVAILABLE = "HTTP 503"
"""A balancer says that it has no service behind it."""
_NETWORK = "ClientNetworkError"
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,79}", re.ASCII)

CODES = Catalogue(
    # Our account: keys.
    ProviderCode(
        "AuthFailure.SecretIdNotFound",
        Trouble.refused,
        "SecretId 不存在、已删除或已禁用。到访问管理控制台核对密钥，注意前后没有空格。",
        "The SecretId does not exist, or was deleted or disabled. Compare it with the console's "
        "list of API keys; no blanks around it.",
    ),
    ProviderCode(
        "AuthFailure.SignatureFailure",
        Trouble.refused,
        "签名错误：SecretKey 与 SecretId 不是一对。重新复制两者。",
        "The signature is wrong: SecretKey and SecretId do not belong together. Copy both again.",
    ),
    ProviderCode(
        "AuthFailure.SignatureExpire",
        Trouble.refused,
        "请求时间与腾讯云相差超过 5 分钟。请让服务器时间与 NTP 同步。",
        "This machine's clock is more than 5 minutes off. Keep it in time with NTP.",
    ),
    ProviderCode(
        "AuthFailure.UnauthorizedOperation",
        Trouble.refused,
        "子账号没有权限。在访问管理中为它授予 sms:SendSms（体检还需要 sms:DescribeSms*）。",
        "The sub-account may not do that. Grant it sms:SendSms (and sms:DescribeSms* for checks).",
    ),
    ProviderCode(
        "AuthFailure*",
        Trouble.refused,
        "密钥未被接受。检查 SecretId、SecretKey 以及子账号的权限。",
        "The keys were not accepted. Look at SecretId, SecretKey and the sub-account's rights.",
    ),
    ProviderCode(
        "InternalError.RequestTimeException",
        Trouble.refused,
        "请求时间与腾讯云相差超过 10 分钟。请让服务器时间与 NTP 同步。",
        "This machine's clock is more than 10 minutes off. Keep it in time with NTP.",
    ),
    ProviderCode(
        "InternalError.Sig*",
        Trouble.refused,
        "短信后端校验签名失败。核对 SmsSdkAppId 与密钥属于同一账号；仍失败则联系腾讯云。",
        "The SMS back-end did not accept the signature. See that SmsSdkAppId and keys are of the "
        "same account; else ask Tencent Cloud.",
    ),
    # Our account: rights, addresses, money.
    ProviderCode(
        "UnauthorizedOperation.RequestIpNotInWhitelist",
        Trouble.refused,
        "本机出口 IP 不在白名单。在短信控制台的应用设置中加入它，或关闭来源 IP 校验。",
        "This machine's public address is not on the allow-list. Add it to the application in the "
        "SMS console, or switch the check of addresses off.",
    ),
    ProviderCode(
        "IpNotInWhitelist",
        Trouble.refused,
        "本机出口 IP 不在密钥的白名单。在访问管理中加入它。",
        "This machine's public address is not on the allow-list of the key. Add it there.",
    ),
    ProviderCode(
        "IpInBlacklist",
        Trouble.refused,
        "本机出口 IP 在黑名单。在访问管理中移除它。",
        "This machine's public address is on the block-list of the key. Take it off.",
    ),
    ProviderCode(
        "UnauthorizedOperation.SmsSdkAppIdVerifyFail",
        Trouble.refused,
        "SmsSdkAppId 不属于这对密钥的账号。到短信控制台“应用管理”核对。",
        "The SmsSdkAppId is not of the account that the keys are of. See the console's list of "
        "applications.",
    ),
    ProviderCode(
        "UnauthorizedOperation.SdkAppIdIsDisabled",
        Trouble.refused,
        "此短信应用已被停用。到控制台启用，或联系腾讯云。",
        "This SMS application is disabled. Enable it in the console, or ask Tencent Cloud.",
    ),
    ProviderCode(
        "UnauthorizedOperation.ServiceSuspendDueToArrears",
        Trouble.refused,
        "账号欠费，短信服务已停。请充值。",
        "The account is in arrears and the service is suspended. Top it up.",
    ),
    ProviderCode(
        "UnauthorizedOperation.RequestPermissionDeny",
        Trouble.refused,
        "账号没有发送权限。检查实名认证与应用状态，或联系腾讯云。",
        "The account may not send. Look at its verification and the state of the application, or "
        "ask Tencent Cloud.",
    ),
    ProviderCode(
        "UnauthorizedOperation*",
        Trouble.refused,
        "账号没有使用此接口的权限。检查子账号的权限、实名认证与应用状态。",
        "The account may not use this. Look at the sub-account's rights, the verification of the "
        "account and the state of the application.",
    ),
    ProviderCode(
        "FailedOperation.InsufficientBalanceInSmsPackage",
        Trouble.refused,
        "短信套餐包余量不足。购买套餐包，或在控制台开启后付费。",
        "The package of messages is used up. Buy another, or switch billing to pay as you go.",
    ),
    ProviderCode(
        "FailedOperation.NotEnterpriseCertification",
        Trouble.refused,
        "账号不是企业认证。完成企业实名认证，约一小时后生效。",
        "The account is not verified as a company's. Verify it; that takes effect in about an "
        "hour.",
    ),
    ProviderCode(
        "FailedOperation.ProhibitSubAccountUse",
        Trouble.refused,
        "子账号不能查询模板列表。体检可换用主账号密钥，发送不受影响。",
        "Sub-accounts may not list templates. A check may use the main account's key; sending is "
        "not concerned.",
    ),
    ProviderCode(
        "InvalidParameterValue.SdkAppIdNotExist",
        Trouble.refused,
        "SmsSdkAppId 不存在。它是短信控制台“应用管理”里的数字，不是账号的 APPID。",
        "There is no such SmsSdkAppId. It is the number in the SMS console's list of applications, "
        "not the account's APPID.",
    ),
    ProviderCode(
        "InvalidParameter.AppidAndBizId",
        Trouble.refused,
        "账号与应用 ID 不匹配。核对 SmsSdkAppId 与密钥。",
        "Account and application do not belong together. Look at SmsSdkAppId and keys.",
    ),
    # Our account: signature and template.
    ProviderCode(
        "FailedOperation.SignatureIncorrectOrUnapproved",
        Trouble.refused,
        "短信签名不存在、未通过审核或未报备完成。填写签名内容（不含【】，不是签名 ID）。",
        "The signature (签名) does not exist or is not approved yet. Name its text, without 【】, "
        "and not its id.",
    ),
    ProviderCode(
        "FailedOperation.MissingSignature*",
        Trouble.refused,
        "账号下没有可用签名。先申请签名并等待审核通过。",
        "The account has no usable signature. Apply for one and wait for its approval.",
    ),
    ProviderCode(
        "FailedOperation.SignIdNotExist",
        Trouble.refused,
        "签名 ID 不存在。到短信控制台“签名管理”核对。",
        "There is no signature of this id. See the console's list of signatures.",
    ),
    ProviderCode(
        "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
        Trouble.refused,
        "参数个数与模板不一致。按模板 {1}{2}… 的顺序写，例如 code=1234567:code+minutes。",
        "The template has another number of places. Name what fills {1}, {2} … in order, such as "
        "code=1234567:code+minutes.",
    ),
    ProviderCode(
        "FailedOperation.TemplateIncorrectOrUnapproved",
        Trouble.refused,
        "模板未通过审核，或内容与模板不符。到短信控制台“正文模板管理”核对模板 ID 与状态。",
        "The template is not approved, or is filled in otherwise than approved. See its id and "
        "state in the console's list of templates.",
    ),
    ProviderCode(
        "FailedOperation.TemplateUnapprovedOrNotExist",
        Trouble.refused,
        "模板不存在或未通过审核。核对模板 ID（纯数字）与状态。",
        "The template does not exist or is not approved. Look at its id (digits) and its state.",
    ),
    ProviderCode(
        "FailedOperation.TemplateIdNotExist",
        Trouble.refused,
        "模板 ID 不存在。它是短信控制台“正文模板管理”里的数字。",
        "There is no template of this id. It is the number in the console's list of templates.",
    ),
    ProviderCode(
        "FailedOperation.MissingTemplate*",
        Trouble.refused,
        "账号下没有可用模板。先申请正文模板并等待审核通过。",
        "The account has no usable template. Apply for one and wait for its approval.",
    ),
    ProviderCode(
        "InvalidParameterValue.TemplateParameterFormatError",
        Trouble.refused,
        "验证码类模板的变量只能是 0 至 6 位数字。验证码不要超过 6 位，变量只用 code 和 minutes。",
        "A template of the kind “verification code” takes up to 6 digits in each place. Use codes "
        "of at most 6 digits, and only code and minutes as params.",
    ),
    ProviderCode(
        "InvalidParameterValue.TemplateParameterLengthLimit",
        Trouble.refused,
        "某个变量超过账号允许的长度（新账号为 6 个字符）。缩短产品名，或把它写进模板正文。",
        "One place is filled with more characters than the account may (6 for newer ones). Write "
        "the product's name into the template itself.",
    ),
    ProviderCode(
        "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter",
        Trouble.refused,
        "模板变量中不能有网址。检查产品名。",
        "No place of a template may hold a URL. Look at the product's name.",
    ),
    ProviderCode(
        "InvalidParameterValue.ContentLengthLimit",
        Trouble.refused,
        "短信内容过长。缩短模板。",
        "The message is too long. Shorten the template.",
    ),
    ProviderCode(
        "FailedOperation.ContainSensitiveWord",
        Trouble.refused,
        "短信内容含敏感词。检查签名、模板和产品名，或联系腾讯云。",
        "The message holds a forbidden word. Look at signature, template and the product's name, "
        "or ask Tencent Cloud.",
    ),
    ProviderCode(
        "InvalidParameter.DirtyWordFound",
        Trouble.refused,
        "短信内容含敏感词。检查签名、模板和产品名。",
        "The message holds a forbidden word. Look at signature, template and the product's name.",
    ),
    ProviderCode(
        "FailedOperation.MarketingSendTimeConstraint",
        Trouble.refused,
        "使用了营销类模板，只能在 8 点到 22 点发送。请改用验证码类模板。",
        "The template is one for marketing, which is sent from 8 to 22 o'clock only. Take one of "
        "the kind “verification code”.",
    ),
    ProviderCode(
        "UnsupportedOperation.GlobalTemplateToChineseMainlandPhone",
        Trouble.refused,
        "国际/港澳台模板不能发往国内号码。请使用国内短信模板。",
        "A template for other countries cannot be sent to mainland numbers. Take a domestic one.",
    ),
    ProviderCode(
        "UnsupportedOperation*",
        Trouble.refused,
        "此应用、签名或模板不支持发往该号码所在地区。请使用国内短信的签名与模板。",
        "Application, signature or template do not serve the region of this number. Take those "
        "for domestic messages.",
    ),
    # The number.
    ProviderCode(
        "InvalidParameterValue.IncorrectPhoneNumber",
        Trouble.bad_number,
        "手机号码不正确（可能是空号段）。用户需核对号码。",
        "The number is none, or of a range that nobody serves. Its owner has to look at it.",
    ),
    ProviderCode(
        "FailedOperation.PhoneNumberParseFail",
        Trouble.bad_number,
        "手机号码无法解析。用户需核对号码。",
        "The number cannot be read. Its owner has to look at it.",
    ),
    ProviderCode(
        "FailedOperation.PhoneNumberInBlacklist",
        Trouble.blocked,
        "号码在免打扰名单：用户退订过，或被运营商屏蔽。可联系腾讯云解除。",
        "The number is on a do-not-disturb list: its owner unsubscribed, or the operator keeps "
        "messages off. Tencent Cloud can take it off the list.",
    ),
    # Limits: of one number, then of the whole account.
    ProviderCode(
        "LimitExceeded.PhoneNumberThirtySecondLimit",
        Trouble.number_limit,
        "该号码 30 秒内的短信超过上限。可在控制台“频率限制”中调整，或调大 DENGLU_SMS_COOLDOWN。",
        "The number had its share for 30 seconds. See the frequency limits in the console, or "
        "raise DENGLU_SMS_COOLDOWN.",
    ),
    ProviderCode(
        "LimitExceeded.PhoneNumberOneHourLimit",
        Trouble.number_limit,
        "该号码 1 小时内的短信超过上限。让控制台的频率限制不低于 DENGLU_SMS_NUMBER_RATES。",
        "The number had its share for an hour. Let the console's frequency limit be no lower than "
        "DENGLU_SMS_NUMBER_RATES.",
    ),
    ProviderCode(
        "LimitExceeded.PhoneNumberDailyLimit",
        Trouble.number_limit,
        "该号码当日短信超过上限。让控制台的频率限制不低于 DENGLU_SMS_NUMBER_RATES。",
        "The number had its share for the day. Let the console's frequency limit be no lower than "
        "DENGLU_SMS_NUMBER_RATES.",
    ),
    ProviderCode(
        "LimitExceeded.PhoneNumberSameContentDailyLimit",
        Trouble.number_limit,
        "该号码当日收到的相同内容超过上限。可在控制台“频率限制”中调整。",
        "The number had the same text too often today. See the frequency limits in the console.",
    ),
    ProviderCode(
        "LimitExceeded.DeliveryFrequencyLimit",
        Trouble.number_limit,
        "命中频率限制策略。可在控制台“频率限制”中调整。",
        "A frequency limit was met. See the frequency limits in the console.",
    ),
    ProviderCode(
        "LimitExceeded.App*",
        Trouble.throttled,
        "应用当日发送量超过设定的上限。在控制台“应用管理 › 基础配置”中提高，并查是否被盗刷。",
        "The application has sent all it may today. Raise that in its settings in the console, "
        "once it is clear that nobody pumps messages.",
    ),
    ProviderCode(
        "LimitExceeded.PhoneNumberCountLimit",
        Trouble.refused,
        "单次提交的号码过多。denglu 每次只发一个号码，请报告此问题。",
        "Too many numbers at once. denglu sends to one; please report this.",
    ),
    ProviderCode(
        "LimitExceeded*",
        Trouble.throttled,
        "账号超过发送上限。查看控制台的发送量设置，稍后再试或联系腾讯云。",
        "The account has sent all it may. See its limits in the console; wait, or ask Tencent "
        "Cloud.",
    ),
    ProviderCode(
        "RequestLimitExceeded*",
        Trouble.throttled,
        "接口请求过于频繁（默认每秒 3000 次）。查是否有其他程序共用密钥。",
        "Too many calls in a second (3000 by default). See who else uses the keys.",
    ),
    # The provider itself.
    ProviderCode(
        "ServiceUnavailable*",
        Trouble.unreachable,
        "腾讯云暂时不可用。稍后会自动恢复，可配置第二个网关。",
        "Tencent Cloud is down for the moment. That ends by itself; a second gateway helps.",
    ),
    ProviderCode(
        "ResourceUnavailable*",
        Trouble.unreachable,
        "腾讯云的资源暂时不可用。稍后会自动恢复，可配置第二个网关。",
        "A resource of Tencent Cloud is down for the moment. That ends by itself; a second "
        "gateway helps.",
    ),
    ProviderCode(
        "InternalError.JsonParseFail",
        Trouble.refused,
        "短信后端无法解析请求。核对模板参数；仍失败则联系腾讯云。",
        "The SMS back-end could not read the request. Look at the template's params; else ask "
        "Tencent Cloud.",
    ),
    ProviderCode(
        "InternalError.RestApiInterfaceNotExist",
        Trouble.refused,
        "接口不存在。检查 DENGLU_SMS_TENCENT_ENDPOINT。",
        "There is no such call. Look at DENGLU_SMS_TENCENT_ENDPOINT.",
    ),
    ProviderCode(
        "InternalError.Timeout",
        Trouble.unanswered,
        "腾讯云向运营商发送超时，短信可能已发出，因此不再换网关重发。频繁出现请联系腾讯云。",
        "Tencent Cloud waited in vain for the operator. The message may be under way, so it is "
        "not sent again. Ask Tencent Cloud if that happens often.",
    ),
    ProviderCode(
        "InternalError.SendAndRecvFail",
        Trouble.unanswered,
        "腾讯云内部收发超时，短信可能已发出，因此不再换网关重发。频繁出现请联系腾讯云。",
        "A time-out within Tencent Cloud. The message may be under way, so it is not sent again. "
        "Ask Tencent Cloud if that happens often.",
    ),
    ProviderCode(
        "InternalError*",
        Trouble.unanswered,
        "腾讯云内部错误，短信可能已发出，因此不再换网关重发。频繁出现请联系腾讯云。",
        "An error within Tencent Cloud. The message may be under way, so it is not sent again. "
        "Ask Tencent Cloud if that happens often.",
    ),
    # Anything else that is wrong with the request.
    ProviderCode(
        "FailedOperation*",
        Trouble.refused,
        "腾讯云拒绝发送。查看控制台中该应用、签名和模板的状态。",
        "Tencent Cloud refused to send. See the state of application, signature and template in "
        "the console.",
    ),
    ProviderCode(
        "InvalidParameter*",
        Trouble.refused,
        "请求参数不被接受。核对 DENGLU_SMS_TENCENT_* 的各项设置。",
        "Something in the request was not accepted. Look at all DENGLU_SMS_TENCENT_* settings.",
    ),
    ProviderCode(
        "MissingParameter*",
        Trouble.refused,
        "请求缺少参数。核对签名、模板和 SmsSdkAppId 是否已设置。",
        "The request lacks something. See that signature, template and SmsSdkAppId are set.",
    ),
    ProviderCode(
        "UnsupportedRegion",
        Trouble.refused,
        "该地域没有短信服务。设置 DENGLU_SMS_TENCENT_REGION，例如 ap-guangzhou。",
        "There is no SMS service in this region. Set DENGLU_SMS_TENCENT_REGION, such as "
        "ap-guangzhou.",
    ),
)


def judged(code: object) -> tuple[str, Trouble]:
    """What the provider said, and what that says of the message. What is no code may be anything,
    and is repeated nowhere.
    """
    text = str(code)
    if _CODE.fullmatch(text):
        return text, CODES.trouble(text)
    return UNREADABLE, Trouble.unanswered


def trouble_of(error: Any) -> Trouble:
    """What an exception of the library says of the message."""
    if error.get_request_id():  # the provider spoke
        return judged(error.get_code())[1]
    if error.get_code() == UNAVAILABLE or never_left(error):
        return Trouble.unreachable
    return Trouble.unanswered


def cause_of(error: Any) -> str:
    """The provider's code, or what was the matter with the network."""
    code = str(error.get_code())
    if code == UNAVAILABLE:
        return code
    return root_of(error) if code == _NETWORK else judged(code)[0]
