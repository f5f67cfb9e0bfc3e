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
    "health": Text("健康检查", "Health"),
}

OPERATIONS = {
    "login": About(
        Text("密码登录", "Log in with a password"),
        Text(
            "用户名、手机号码或邮箱均可。同组别的旧会话会被替换，其他组别不受影响。",
            "By username, mobile or e-mail. A login ends the member's session in the same group; "
            "other groups go on.",
        ),
        "login",
    ),
    "send_code": About(
        Text("获取验证码", "Ask for an SMS code"),
        Text(
            "已注册与未注册的号码回答相同。使用 console 网关时，验证码显示在服务器终端。",
            "The answer is the same for known and unknown numbers. With the gateway console the "
            "code appears in the server's terminal.",
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
    "alive": About(Text("存活", "Live"), Text("进程有回应。", "The process answers."), "health"),
    "readiness": About(
        Text("就绪", "Ready"), Text("数据库也有回应。", "The database answers too."), "health"
    ),
}
