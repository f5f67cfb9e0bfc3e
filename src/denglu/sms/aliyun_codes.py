"""Alibaba Cloud's error codes: of ``SendSms``, of receipts, and of every call of its library."""

from denglu.domain.sms_message import Trouble
from denglu.sms.codes import Catalogue, ProviderCode

EVERY_CALL = (
    # Keys.
    ProviderCode(
        "InvalidAccessKeyId.NotFound",
        Trouble.refused,
        "AccessKey ID 不存在。到 RAM 控制台核对，注意前后没有空格、没有少字。",
        "There is no such AccessKey ID. Compare it with the RAM console; nothing cut off, no "
        "blanks around it.",
    ),
    ProviderCode(
        "InvalidAccessKeyId*",
        Trouble.refused,
        "AccessKey 不可用（已禁用或已删除）。在 RAM 控制台启用它，或换一个新的。",
        "The AccessKey is disabled or deleted. Enable it in the RAM console, or take a new one.",
    ),
    ProviderCode(
        "SignatureDoesNotMatch",
        Trouble.refused,
        "请求签名不符：AccessKey Secret 与 ID 不是一对。重新复制两者。",
        "The request's signature is wrong: secret and ID of the AccessKey do not belong together. "
        "Copy both again.",
    ),
    ProviderCode(
        "IncompleteSignature",
        Trouble.refused,
        "请求签名不完整，多半是中间的代理改动了请求头。让请求原样直达。",
        "The request's signature is incomplete: most likely a proxy between changes headers. Let "
        "requests pass as they are.",
    ),
    ProviderCode(
        "InvalidTimeStamp*",
        Trouble.refused,
        "请求时间与阿里云相差超过 15 分钟。请让服务器时间与 NTP 同步。",
        "This machine's clock is more than 15 minutes off. Keep it in time with NTP.",
    ),
    ProviderCode(
        "SignatureNonceUsed",
        Trouble.unanswered,
        "同一个请求到达了两次，多半是网络或代理重发；第一次可能已发出短信。检查中间的代理。",
        "The same request arrived twice; a network or proxy repeats it, and the first may have "
        "been sent. Look at the proxies between.",
    ),
    # Rights.
    ProviderCode(
        "isp.RAM_PERMISSION_DENY",
        Trouble.refused,
        "RAM 用户没有权限。授予 dysms:SendSms（体检还需 dysms:GetSmsSign、dysms:GetSmsTemplate）。",
        "The RAM user may not do that. Grant it dysms:SendSms (and dysms:GetSmsSign and "
        "dysms:GetSmsTemplate for checks).",
    ),
    ProviderCode(
        "NoPermission*",
        Trouble.refused,
        "RAM 用户没有权限。在 RAM 控制台为它授予所用接口的权限。",
        "The RAM user may not do that. Grant it the operation in the RAM console.",
    ),
    ProviderCode(
        "Forbidden*",
        Trouble.refused,
        "请求被禁止：RAM 权限不足、账号未实名，或触发风控。查看 RAM 授权与账号状态。",
        "Forbidden: the RAM user lacks a right, the account is not verified, or risk control "
        "stepped in. Look at the RAM policies and the account.",
    ),
    ProviderCode(
        "UnauthorizedOperation*",
        Trouble.refused,
        "RAM 用户没有权限。在 RAM 控制台为它授予所用接口的权限。",
        "The RAM user may not do that. Grant it the operation in the RAM console.",
    ),
    ProviderCode(
        "InsufficientBalance",
        Trouble.refused,
        "账户余额不足。请充值或购买套餐包。",
        "The account's balance is too low. Top it up or buy a package.",
    ),
    # Too much.
    ProviderCode(
        "Throttling*",
        Trouble.throttled,
        "调用太频繁，被阿里云限流。稍后自动恢复；持续出现则在配额中心提高限额。",
        "Too many calls; Alibaba Cloud holds them back. It passes; if it stays, raise the quota "
        "in the quota centre.",
    ),
    # The service itself.
    ProviderCode(
        "ServiceUnavailable*",
        Trouble.unreachable,
        "阿里云服务暂时不可用。稍后自动恢复；查看其服务状态页。",
        "The service is down for the moment. It comes back; see the provider's status page.",
    ),
    ProviderCode(
        "InternalError*",
        Trouble.unanswered,
        "阿里云内部错误，短信可能已发出，因此不再换网关重发。持续出现则提交工单。",
        "An internal error at Alibaba Cloud. The message may be under way, so it is not sent "
        "again. If it stays, open a ticket.",
    ),
    ProviderCode(
        "InvalidVersion",
        Trouble.refused,
        "该地址不提供此接口。检查所设的 endpoint 是否属于短信服务。",
        "There is no such interface at this address. See that the endpoint set is the SMS one.",
    ),
    ProviderCode(
        "InvalidAction*",
        Trouble.refused,
        "该地址不提供此接口。检查所设的 endpoint 是否属于短信服务。",
        "There is no such operation at this address. See that the endpoint set is the SMS one.",
    ),
    ProviderCode(
        "MissingParameter*",
        Trouble.refused,
        "请求缺少参数。检查签名与模板设置是否为空。",
        "A parameter is missing. See that neither signature nor template is empty in the settings.",
    ),
    ProviderCode(
        "InvalidParameter*",
        Trouble.refused,
        "请求参数无效。检查签名与模板设置。",
        "A parameter is not valid. Look at signature and templates in the settings.",
    ),
)

SENDING = (
    # Money and account.
    ProviderCode(
        "isv.AMOUNT_NOT_ENOUGH",
        Trouble.refused,
        "账户余额或套餐包余量不足。请充值或购买套餐包。",
        "The balance or the package is used up. Top it up or buy a package.",
    ),
    ProviderCode(
        "isv.OUT_OF_SERVICE",
        Trouble.refused,
        "账户欠费停机，此时套餐包也不能用。请充值。",
        "The account is suspended for debt; packages do not help then. Top it up.",
    ),
    ProviderCode(
        "isv.PRODUCT_UN_SUBSCRIPT",
        Trouble.refused,
        "此账号没有开通短信服务。在短信服务控制台开通。",
        "The account has not activated SMS. Do so in the SMS console.",
    ),
    ProviderCode(
        "isv.PRODUCT_UNSUBSCRIBE",
        Trouble.refused,
        "此账号没有开通所用的产品。在控制台开通短信服务。",
        "The account has not activated this product. Activate SMS in the console.",
    ),
    ProviderCode(
        "isv.ACCOUNT_NOT_EXISTS",
        Trouble.refused,
        "账户不存在。核对 AccessKey 属于哪个账号。",
        "There is no such account. See whose AccessKey it is.",
    ),
    ProviderCode(
        "isv.ACCOUNT_ABNORMAL",
        Trouble.refused,
        "账户状态异常。在费用中心查看，或提交工单。",
        "Something is wrong with the account. Look at its billing page, or open a ticket.",
    ),
    ProviderCode(
        "isv.SECURITY_FROZEN_ACCOUNT",
        Trouble.refused,
        "账号长期未用，发送被冻结。联系阿里云解冻。",
        "Sending was frozen because the account was not used for long. Ask Alibaba Cloud to lift "
        "it.",
    ),
    ProviderCode(
        "isv.DENY_IP_RANGE",
        Trouble.refused,
        "请求来自中国内地以外的 IP，不允许发送内地短信。让出口走内地 IP，或改用其他网关。",
        "The request came from outside mainland China, from where messages to the mainland are not "
        "taken. Send from a mainland address, or use another gateway.",
    ),
    # Signature.
    ProviderCode(
        "isv.SMS_SIGNATURE_ILLEGAL",
        Trouble.refused,
        "此账号下没有这个已通过审核的签名。核对文字（不带【】、无空格）、审核状态，以及 "
        "AccessKey 与签名是否同属一个账号。",
        "The account has no approved signature of this name. Compare the text (without 【】 and "
        "blanks), the review's state, and whether AccessKey and signature are of one account.",
    ),
    ProviderCode(
        "isv.SMS_SIGN_ILLEGAL",
        Trouble.refused,
        "此签名被禁止使用。另申请一个合规的签名。",
        "This signature is banned. Apply for another that keeps the rules.",
    ),
    ProviderCode(
        "isv.SIGN_STATE_ILLEGAL",
        Trouble.refused,
        "签名处于不可用状态。在签名管理中看原因并修正。",
        "The signature is out of use. See why in the console's list of signatures, and mend it.",
    ),
    ProviderCode(
        "isv.SIGNATURE_BLACKLIST",
        Trouble.refused,
        "签名含违规内容。换一个签名。",
        "The signature holds forbidden words. Take another.",
    ),
    ProviderCode(
        "isv.SMS_SIGNATURE_SCENE_ILLEGAL",
        Trouble.refused,
        "签名只限验证码，却用了通知模板。改用通用签名，或去掉通知模板。",
        "The signature is for codes only, and the template is a notice. Use a general signature, "
        "or leave notices out.",
    ),
    ProviderCode(
        "PORT_NOT_REGISTERED",
        Trouble.refused,
        "签名尚未在运营商完成实名报备，短信会被拦截。在签名管理中查看报备状态并等待完成。",
        "Carriers have not registered the signature's owner yet and block its messages. See its "
        "registration in the console's list of signatures, and wait until it is done.",
    ),
    # Template and what fills it.
    ProviderCode(
        "isv.SMS_TEMPLATE_ILLEGAL",
        Trouble.refused,
        "此账号下没有这个已通过审核的模板，或变量与模板不一致。核对模板 CODE、审核状态与变量名。",
        "The account has no approved template of this code, or its variables are others. Compare "
        "the code, the review's state and the names of the variables.",
    ),
    ProviderCode(
        "isv.TEMPLATE_MISSING_PARAMETERS",
        Trouble.refused,
        "模板中有变量没有赋值。在设置里写明参数，如 code=SMS_1:code+minutes，变量名须与参数同名。",
        "A variable of the template is not filled. Name the parameters in the setting, such as "
        "code=SMS_1:code+minutes; variables are named as they are.",
    ),
    ProviderCode(
        "isv.TEMPLATE_PARAMS_ILLEGAL",
        Trouble.refused,
        "变量值与模板中选的变量属性不符（例如验证码变量须为数字）。修改模板的变量属性。",
        "A value is not of the kind that the template's variable was declared as (a code is "
        "digits). Change the variable's kind in the template.",
    ),
    ProviderCode(
        "TEMPLATE_PARAMETER_COUNT_ILLEGAL",
        Trouble.refused,
        "验证码模板只能有一个变量。把其余内容写死在模板里。",
        "A template of codes may have one variable only. Write the rest into the template.",
    ),
    ProviderCode(
        "isv.PARAM_LENGTH_LIMIT",
        Trouble.refused,
        "变量值过长（验证码 4～6 个字符，其他 1～35 个）。缩短产品名或验证码长度。",
        "A value is too long (codes 4 to 6 characters, others 1 to 35). Shorten the product's "
        "name, or the codes.",
    ),
    ProviderCode(
        "isv.PARAM_NOT_SUPPORT_URL",
        Trouble.refused,
        "变量中不能有网址。检查产品名。",
        "Values may hold no URL. Look at the product's name.",
    ),
    ProviderCode(
        "isv.INVALID_JSON_PARAM",
        Trouble.refused,
        "模板参数不是合法的 JSON 字符串。这是本程序的错误，请报告。",
        "The parameters are no JSON of texts. That is a fault of this program: report it.",
    ),
    ProviderCode(
        "isv.INVALID_PARAMETERS",
        Trouble.refused,
        "参数格式不对。核对签名、模板 CODE 与参数名。",
        "A parameter is malformed. Compare signature, template code and parameter names.",
    ),
    ProviderCode(
        "isv.SMS_CONTENT_ILLEGAL",
        Trouble.refused,
        "内容含禁止发送的文字。修改模板或产品名。",
        "The text holds what may not be sent. Change the template or the product's name.",
    ),
    ProviderCode(
        "isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE",
        Trouble.refused,
        "内容与模板类型不符。按用途重新申请模板。",
        "The text does not fit the template's type. Apply for one of the right type.",
    ),
    ProviderCode(
        "isv.UNSUPPORTED_CONTENT",
        Trouble.refused,
        "内容含不支持的字符（繁体字、表情、特殊符号）。修改模板或产品名。",
        "The text holds characters that cannot be sent (emoji, rare signs). Change the template or "
        "the product's name.",
    ),
    ProviderCode(
        "CONTENT_KEYWORD",
        Trouble.refused,
        "运营商因关键字拦截了短信。修改模板。",
        "A carrier stopped the message for a word in it. Change the template.",
    ),
    ProviderCode(
        "isv.DOMESTIC_NUMBER_NOT_SUPPORTED",
        Trouble.refused,
        "这是国际/港澳台模板，不能发往内地号码。申请国内模板。",
        "The template is for abroad and not for mainland numbers. Apply for a domestic one.",
    ),
    ProviderCode(
        "isv.EXTEND_CODE_ERROR",
        Trouble.refused,
        "扩展码与签名的对应不正确。在控制台检查扩展码。",
        "Extension code and signature do not fit. Look at the extension codes in the console.",
    ),
    ProviderCode(
        "isv.ONE_CODE_MULTIPLE_SIGN",
        Trouble.refused,
        "同一扩展码用于多个签名。在控制台检查扩展码。",
        "One extension code is used with several signatures. Look at them in the console.",
    ),
    # Test signatures.
    ProviderCode(
        "isv.SMS_TEST_NUMBER_LIMIT",
        Trouble.refused,
        "测试签名或测试模板只能发给控制台里绑定的号码。换成正式的签名和模板。",
        "Test signatures and templates reach only numbers bound in the console. Use proper ones.",
    ),
    ProviderCode(
        "isv.SMS_TEST_SIGN_TEMPLATE_LIMIT",
        Trouble.refused,
        "测试签名只能配测试模板。换成正式的签名和模板。",
        "A test signature goes with a test template only. Use proper ones.",
    ),
    ProviderCode(
        "isv.SMS_TEST_TEMPLATE_PARAMS_ILLEGAL",
        Trouble.refused,
        "测试模板的变量只能是 4～6 位数字。换成正式的模板。",
        "A test template takes 4 to 6 digits only. Use a proper one.",
    ),
    # Too much.
    ProviderCode(
        "isv.BUSINESS_LIMIT_CONTROL",
        Trouble.number_limit,
        "此号码收到的短信达到频率上限（默认同一签名每分钟 1 条、每小时 5 条、每天 10 条，其他"
        "平台的也可能计入）。过后恢复；可在控制台的发送频率设置中调整。",
        "This number has had its share (by default 1 a minute, 5 an hour and 10 a day by one "
        "signature; those of others may count). It passes; the console has the thresholds.",
    ),
    ProviderCode(
        "MOBILE_SEND_LIMIT",
        Trouble.number_limit,
        "此号码收到的短信达到运营商或平台上限。过后恢复。",
        "This number has had as many messages as carrier or platform allow. It passes.",
    ),
    ProviderCode(
        "isv.DAY_LIMIT_CONTROL",
        Trouble.throttled,
        "达到控制台里设的日发送总量。提高它，或等到明天；先查是否被盗刷。",
        "The day's cap that is set in the console is reached. Raise it or wait until tomorrow; "
        "first see whether somebody abuses the site.",
    ),
    ProviderCode(
        "isv.MONTH_LIMIT_CONTROL",
        Trouble.throttled,
        "达到控制台里设的月发送总量。提高它；先查是否被盗刷。",
        "The month's cap that is set in the console is reached. Raise it; first see whether "
        "somebody abuses the site.",
    ),
    # The number.
    ProviderCode(
        "isv.MOBILE_NUMBER_ILLEGAL",
        Trouble.bad_number,
        "手机号格式错误或号段不存在。换网关也发不出。",
        "The number is malformed or of no known range. No other gateway can reach it.",
    ),
    ProviderCode(
        "INVALID_NUMBER",
        Trouble.bad_number,
        "号码状态异常：空号、停机或格式错误。",
        "The number is not in use, or malformed.",
    ),
    ProviderCode(
        "MOBILE_NOT_ON_SERVICE",
        Trouble.bad_number,
        "号码停机、空号、关机或不在服务区。",
        "The number is switched off, out of reach, suspended or not in use.",
    ),
    ProviderCode(
        "MOBILE_ACCOUNT_ABNORMAL",
        Trouble.bad_number,
        "号码欠费、携号转网中或账户异常。",
        "The number's account is in debt, being ported, or otherwise out of order.",
    ),
    ProviderCode(
        "MOBLLE_TERMINAL_ERROR",
        Trouble.bad_number,
        "手机终端问题：内存或 SIM 卡已满、被拦截。",
        "The phone could not take the message: it is full, or an app blocks it.",
    ),
    ProviderCode(
        "isv.BLACK_KEY_CONTROL_LIMIT",
        Trouble.blocked,
        "号码在黑名单：机主投诉或退订过。由机主联系运营商解除。",
        "The number is on a block list: its owner complained or unsubscribed. Only the owner can "
        "have that lifted, by the carrier.",
    ),
    ProviderCode(
        "isv.CUSTOMER_REFUSED",
        Trouble.blocked,
        "机主已退订。用户需恢复接收，或换一个号码。",
        "The number's owner has unsubscribed, and has to take that back or use another number.",
    ),
    ProviderCode(
        "MOBILE_IN_BLACK",
        Trouble.blocked,
        "号码在运营商黑名单。由机主联系运营商解除。",
        "The number is on a carrier's block list. Only its owner can have that lifted.",
    ),
    ProviderCode(
        "USER_REJECT",
        Trouble.blocked,
        "机主已退订此类短信，或未开通短信功能。",
        "The number's owner wants no such messages, or has none in the contract.",
    ),
    # The service itself.
    ProviderCode(
        "isp.SYSTEM_ERROR",
        Trouble.unreachable,
        "阿里云短信系统错误。持续出现则提交工单。",
        "An error of the SMS system. If it stays, open a ticket.",
    ),
    ProviderCode(
        "isp.GATEWAY_ERROR",
        Trouble.unreachable,
        "阿里云短信的发送模块出错。持续出现则提交工单。",
        "The SMS system's sending part failed. If it stays, open a ticket.",
    ),
    ProviderCode(
        "IS_CLOSE",
        Trouble.unreachable,
        "短信通道被关停，阿里云会自动换通道。",
        "The channel was shut; Alibaba Cloud changes to another by itself.",
    ),
    ProviderCode(
        "NO_ROUTE",
        Trouble.refused,
        "当前内容没有可用通道。核对模板是否为验证码或通知，仍不行则提交工单。",
        "No channel takes this content. See that the template is one of codes or notices; else "
        "open a ticket.",
    ),
    ProviderCode(
        "REQUEST_SUCCESS",
        Trouble.unanswered,
        "已提交，运营商没有返回回执，多半是手机状态异常。",
        "Handed over, and no carrier reported back; most likely the phone was out of reach.",
    ),
    ProviderCode(
        "SP_UNKNOWN_ERROR",
        Trouble.unanswered,
        "运营商返回未知错误。",
        "The carrier reported an unknown error.",
    ),
)

CODES = Catalogue(*EVERY_CALL, *SENDING)
