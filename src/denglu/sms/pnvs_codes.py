"""Error codes of Alibaba Cloud's number verification (``SendSmsVerifyCode``)."""

from denglu.domain.sms_message import Trouble
from denglu.sms.aliyun_codes import EVERY_CALL, SENDING
from denglu.sms.codes import Catalogue, ProviderCode

_OWN = (
    ProviderCode(
        "FUNCTION_NOT_OPENED",
        Trouble.refused,
        "没有开通短信认证。在号码认证服务控制台开通。",
        "SMS verification is not activated. Do so in the console of number verification.",
    ),
    ProviderCode(
        "isv.FUNCTION_NOT_OPENED",
        Trouble.refused,
        "没有开通短信认证。在号码认证服务控制台开通。",
        "SMS verification is not activated. Do so in the console of number verification.",
    ),
    ProviderCode(
        "Unsupported.Account",
        Trouble.refused,
        "此账号没有开通号码认证服务。在控制台开通。",
        "The account has not activated number verification. Do so in its console.",
    ),
    ProviderCode(
        "RamPermissionDeny",
        Trouble.refused,
        "RAM 用户没有权限。授予 dypns:SendSmsVerifyCode。",
        "The RAM user may not do that. Grant it dypns:SendSmsVerifyCode.",
    ),
    ProviderCode(
        "SmsSignNameNotExist",
        Trouble.refused,
        "签名不存在。只能用控制台“赠送签名配置”里的签名，须与赠送模板搭配。",
        "There is no such signature. Only those given in the console serve, with given templates.",
    ),
    ProviderCode(
        "INVALID_PARAMETERS",
        Trouble.refused,
        "参数不对，多半是签名或模板不是赠送的那一套，或参数名不是 code、min。",
        "A parameter is wrong: most likely signature or template is not one of those given, or "
        "the template's variables are not code and min.",
    ),
    ProviderCode(
        "isv.ILLEGAL_ARGUMENT",
        Trouble.refused,
        "参数不对。核对赠送签名、赠送模板与参数名。",
        "A parameter is wrong. Compare the given signature, the given template and parameters.",
    ),
    ProviderCode(
        "OutOfService",
        Trouble.refused,
        "账户欠费停机。请充值。",
        "The account is suspended for debt. Top it up.",
    ),
    ProviderCode(
        "MOBILE_NUMBER_ILLEGAL",
        Trouble.bad_number,
        "手机号格式错误。只支持中国内地号码。",
        "The number is malformed. Only those of mainland China are served.",
    ),
    ProviderCode(
        "BUSINESS_LIMIT_CONTROL",
        Trouble.number_limit,
        "此号码今天的验证码已达上限。明天恢复；可在控制台的通用设置中调整。",
        "This number has had its codes of the day. Tomorrow it goes on; the console's general "
        "settings have the threshold.",
    ),
    ProviderCode(
        "FREQUENCY_FAIL",
        Trouble.number_limit,
        "向此号码发送得太快。稍等后恢复。",
        "Too soon after the code before to this number. It passes.",
    ),
    ProviderCode(
        "biz.FREQUENCY",
        Trouble.number_limit,
        "向此号码发送得太快。稍等后恢复。",
        "Too soon after the code before to this number. It passes.",
    ),
    ProviderCode(
        "SystemError*",
        Trouble.unreachable,
        "号码认证服务系统错误。持续出现则提交工单。",
        "An error of number verification. If it stays, open a ticket.",
    ),
    ProviderCode(
        "UnknowError",
        Trouble.unreachable,
        "号码认证服务暂时不可用。稍后恢复。",
        "Number verification is not available for the moment. It comes back.",
    ),
)

CODES = Catalogue(*_OWN, *EVERY_CALL, *SENDING)
