"""What the API document says in words, Chinese and English."""

from typing import NamedTuple

TITLE = "denglu 登录"


class Text(NamedTuple):
    """The same said twice."""

    zh: str
    en: str

    def both(self, between: str = " ") -> str:
        """For readers of a document that has room for one text only."""
        return f"{self.zh}{between}{self.en}"


class About(NamedTuple):
    """One operation."""

    summary: Text
    description: Text
    tag: str


ABOUT = Text(
    "会员登录：密码、短信验证码、按组别的会话、重置令牌、退出登录。\n"
    "每个回答都是 {code, message, data}。code 为 200 表示成功，否则是拒绝，原因见 data.reason。"
    "请求可以是 JSON、表单或 multipart。默认中文消息，Accept-Language: en 为英文。\n"
    "令牌放在请求头 X-Api-Key 或 Authorization: Bearer。401 只表示令牌无效：先刷新一次，"
    "再被拒绝就重新登录。",
    "Member login: passwords, SMS codes, sessions in client groups, refresh, sign-out.\n"
    "Every answer is an envelope {code, message, data}. A code of 200 is a success; anything "
    "else is a refusal, and data.reason names it in a stable word. Bodies may be JSON, a form "
    "or multipart. Accept-Language: en asks for English messages.\n"
    'Tokens go into X-Api-Key or Authorization: Bearer. 401 only ever means "this token is not '
    'good": refresh once, and log in again when that is refused too.',
)
STATUS_200 = Text(
    "拒绝时 HTTP 状态码也是 200。",
    "The HTTP status is 200 for refusals too.",
)
REAL_STATUS = Text(
    "HTTP 状态码与 code 相同。",
    "The HTTP status is the envelope's code.",
)

PROFILE = {
    "document": Text("", ""),
    "rageframe": Text(
        "报文与 RageFrame 的应用兼容：表单有误时 data 为 []。",
        "Compatible with apps made for RageFrame: a refused form has data [].",
    ),
}

TAGS = {
    "login": Text("登录", "Logging in"),
    "account": Text("注册与密码", "Registration and password"),
    "session": Text("令牌与会话", "Tokens and sessions"),
    "member": Text("会员", "The member"),
    "merchant": Text("商户用户", "Merchants' users"),
    "plugin": Text("插件", "Plugins"),
    "health": Text("健康检查", "Health"),
    "back_end": Text("后端服务", "Back-ends"),
    "operator": Text("运维", "Operators"),
}

OPERATIONS = {
    "login": About(
        Text("密码登录", "Log in with a password"),
        Text(
            "用户名、手机号码或邮箱均可。同组别的旧会话会被替换，其他组别不受影响。"
            "too_many_attempts 没有 retry_after 时等待无用，请改用验证码登录或重置密码。"
            "可疑时要求安全验证：reason 为 captcha_required，完成后带上 captcha_token 重试。",
            "By username, mobile or e-mail. A login ends the member's session in the same group; "
            "other groups go on. Where too_many_attempts has no retry_after, waiting does not "
            "help: log in by SMS or reset the password. Suspicious callers are asked for a "
            "captcha: after captcha_required send the same again with captcha_token.",
        ),
        "login",
    ),
    "send_code": About(
        Text("获取验证码", "Ask for an SMS code"),
        Text(
            "已注册与未注册的号码回答相同。使用 console 网关时，验证码显示在服务器终端。"
            "可疑时要求安全验证：reason 为 captcha_required，完成后带上 captcha_token 重试。",
            "The answer is the same for known and unknown numbers. With the gateway console the "
            "code appears in the server's terminal. Suspicious callers are asked for a captcha: "
            "after captcha_required send the same again with captcha_token.",
        ),
        "login",
    ),
    "mobile_login": About(
        Text("验证码登录", "Log in with an SMS code"),
        Text("验证码的用途须为 login。", "With a code asked for with usage login."),
        "login",
    ),
    "register": About(
        Text("注册", "Register"),
        Text(
            "验证码的用途须为 register；注册后直接登录。",
            "With a code asked for with usage register. The new member is logged in at once.",
        ),
        "account",
    ),
    "reset_password": About(
        Text("重置密码", "Reset the password"),
        Text(
            "验证码的用途须为 up-pwd；该会员所有组别的会话都会先结束。",
            "With a code asked for with usage up-pwd. Ends every session of the member in every "
            "group first.",
        ),
        "account",
    ),
    "refresh": About(
        Text("刷新令牌", "Refresh"),
        Text(
            "换取新的一对令牌；同时发送多次，得到的是同一对。",
            "Gives the next pair of tokens; sent several times at once, it gives the same pair.",
        ),
        "session",
    ),
    "verify_token": About(
        Text("检测令牌", "Check an access token"),
        Text(
            "返回 false 时请丢弃两个令牌；刚过期的令牌仍为 true，请刷新。",
            "false means: drop both tokens. A token that has just expired is still true: refresh.",
        ),
        "session",
    ),
    "logout": About(
        Text("退出登录", "Log out"),
        Text("结束该令牌的会话。", "Ends the session of the token."),
        "session",
    ),
    "who_am_i": About(
        Text("当前会员", "The caller"),
        Text("令牌所属的会员。", "The member whose token this is."),
        "member",
    ),
    "list_sessions": About(
        Text("我的登录设备", "My devices"),
        Text(
            "当前会员的所有会话，当前会话排在最前。设备只记录类型，不保存客户端自报的名称。",
            "All live sessions of the caller, the one that asks first. Of a device only the kind "
            "is kept, never a name that a client gave.",
        ),
        "member",
    ),
    "end_session": About(
        Text("退出某台设备", "End one session"),
        Text(
            "立即结束自己的一个会话；结束当前会话等于退出登录。"
            "不能发送 DELETE 的小程序可对同一路径用 POST。",
            "Ends one of the caller's own sessions at once; ending the current one is a logout. "
            "Clients that cannot send DELETE send POST to the same path.",
        ),
        "member",
    ),
    "end_other_sessions": About(
        Text("退出其他所有设备", "End all other sessions"),
        Text(
            "除当前会话外全部结束。不能发送 DELETE 的小程序可对同一路径用 POST。",
            "Ends all sessions but the caller's. Clients that cannot send DELETE send POST to the "
            "same path.",
        ),
        "member",
    ),
    "change_password": About(
        Text("修改密码", "Change the password"),
        Text(
            "需要原密码，输错计入登录失败次数。所有会话立即结束，并返回一个新会话，请保存新令牌。"
            "没有密码的会员请用 up-pwd。",
            "By the old one; a wrong one counts like a failed login. Every session ends at once, "
            "and the caller gets a new one: keep its tokens. A member without a password uses "
            "up-pwd.",
        ),
        "account",
    ),
    "change_mobile": About(
        Text("更换手机号", "Change the mobile"),
        Text(
            "需要两个验证码：当前号码的 code（用途 reset-mobile）和新号码的 new_code"
            "（用途 binding-mobile）；没有绑定号码的会员以 password 代替 code。所有会话都会结束，"
            "当前客户端得到一个新会话；旧号码会收到短信通知。",
            "With two codes: code to the present number (usage reset-mobile), new_code to the new "
            "one (usage binding-mobile). A member without a number sends password in the place of "
            "code. Ends every session and gives the caller a new one; the old number is told by "
            "SMS.",
        ),
        "account",
    ),
    "show_cancellation": About(
        Text("查询注销申请", "Is my account to be deleted?"),
        Text(
            "是否已申请注销，以及何时删除。", "Whether deletion was asked for, and when it is due."
        ),
        "account",
    ),
    "cancel": About(
        Text("申请注销账号", "Delete my account"),
        Text(
            "验证码的用途须为 cancel；没有绑定号码的会员用 password。其他会话立即结束；"
            "due_at 之前仍可登录并撤回，之后删除个人信息，无法恢复。",
            "With a code asked for with usage cancel; a member without a number sends password. "
            "Ends every other session. Until due_at the member can log in and withdraw; from then "
            "on what is personal is deleted, for good.",
        ),
        "account",
    ),
    "withdraw_cancellation": About(
        Text("撤回注销申请", "Keep my account"),
        Text(
            "没有申请时也返回成功。不能发送 DELETE 的小程序可用 POST …/cancel/withdraw。",
            "Says OK also when nothing was asked for. Clients that cannot send DELETE send POST to "
            "…/cancel/withdraw.",
        ),
        "account",
    ),
    "introspect": About(
        Text("令牌内省", "Introspect a token"),
        Text(
            "供后端服务查询访问令牌（RFC 7662）：凭 DENGLU_INTROSPECTION_KEYS 中的密钥，"
            "Basic（名称:密钥）或 Bearer（密钥）。无效、过期、已结束的令牌一律为 "
            '{"active": false}。查询视为会员使用了令牌。',
            "For back-ends (RFC 7662), with a secret of DENGLU_INTROSPECTION_KEYS: Basic "
            "(name:secret) or Bearer (secret). Tokens that are unknown, expired or ended are all "
            '{"active": false}. The question counts as the member\'s use of the token.',
        ),
        "back_end",
    ),
    "forward_auth": About(
        Text("代理询问会员身份", "Who is calling, for proxies"),
        Text(
            "供 nginx auth_request、Traefik forwardAuth 等代理在转发请求前询问：令牌有效则 200，"
            "会员信息在响应头中，否则 401。查询视为会员使用了令牌。",
            "Asked by proxies (nginx auth_request, Traefik forwardAuth) before they pass a "
            "request on: 200 with the member in headers, or 401. The question counts as the "
            "member's use of the token.",
        ),
        "back_end",
    ),
    "metrics": About(
        Text("指标", "Metrics"),
        Text(
            "Prometheus 文本格式，凭 DENGLU_METRICS_KEY（Bearer）。",
            "For Prometheus, with DENGLU_METRICS_KEY (Bearer).",
        ),
        "operator",
    ),
    "take_receipts": About(
        Text("短信状态报告", "Take delivery receipts"),
        Text(
            "供短信服务商推送状态报告：路径末段为 DENGLU_SMS_RECEIPT_KEY。每次最多 200 条。",
            "Where SMS providers report what became of messages: the path ends in "
            "DENGLU_SMS_RECEIPT_KEY. At most 200 reports at once.",
        ),
        "operator",
    ),
    "alive": About(Text("存活", "Live"), Text("进程有回应。", "The process answers."), "health"),
    "readiness": About(
        Text("就绪", "Ready"), Text("数据库也有回应。", "The database answers too."), "health"
    ),
}

MERCHANT_ID = Text(
    "所属商户；不传或 0 为本站", "Whose member: a merchant's id; nothing or 0 for none"
)

IDENTITY = {
    "X-Member-Id": Text("会员编号", "The member's id"),
    "X-Member-Group": Text("令牌的组别（百分号编码）", "The token's group, percent-encoded"),
    "X-Member-Level": Text("会员级别", "The member's level"),
    "X-Member-Merchant-Id": Text("所属商户，0 为本站", "Whose member: a merchant's id, or 0"),
}

NOT_ASKED = {
    500: "a fault inside",
    503: "the database is busy: that says nothing about the token",
}

METRICS = {
    401: "no key, or a wrong one",
    429: "too many wrong keys from this address",
    500: "a fault inside",
    503: "the database is busy",
}

NOT_HEARD = {
    400: "the body is no report of this provider",
    401: "no signature of DENGLU_SMS_HTTP_KEY, or an old one; from http only",
    413: "the body is too large, or holds more than 200 reports",
    500: "a fault inside",
    503: "the database is busy: send it again",
}

INTROSPECTION = {
    400: "no token, or no body that can be read",
    401: "no secret of a back-end",
    413: "the body is too large",
    415: "the body is of no known type",
    429: "too many wrong secrets from this address",
    500: "a fault inside",
    503: "the database is busy",
}
