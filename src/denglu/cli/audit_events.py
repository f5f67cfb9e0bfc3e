"""What each event of the audit trail means, in a line: the closed list, explained."""

from typing import NamedTuple

from denglu.domain.audit import Event


class Meaning(NamedTuple):
    """The same said twice."""

    zh: str
    en: str


MEANINGS: dict[Event, Meaning] = {
    Event.login: Meaning("密码登录成功，开启会话", "logged in with a password: a session began"),
    Event.login_failed: Meaning(
        "密码错误，或会员已停用、没有密码；会员为空表示没有这个帐号（备注：不是登录时，为何验证密码）",
        "a password was refused: wrong, or the member is disabled or has none; without a member, "
        "nobody has that name (note: what it was to prove, where it was no login)",
    ),
    Event.too_many_attempts: Meaning(
        "密码尝试被锁定，未比对（每个帐号每分钟最多记一条；备注：是否须重置密码才能解除）",
        "passwords were closed by a limit and nothing was compared (one line a minute and "
        "account at the most; a note says where only a reset opens them again)",
    ),
    Event.mobile_login: Meaning(
        "验证码登录成功，开启会话", "logged in with an SMS code: a session began"
    ),
    Event.member_registered: Meaning(
        "会员自行注册，开启会话", "a member registered by SMS code: a session began"
    ),
    Event.member_added: Meaning("管理员添加了会员", "an operator added the member"),
    Event.member_disabled: Meaning(
        "管理员停用了会员，所有会话结束", "an operator disabled the member: every session ended"
    ),
    Event.member_enabled: Meaning("管理员启用了会员", "an operator enabled the member"),
    Event.member_deleted: Meaning(
        "会员已注销，个人信息已清除（备注：operator、member 或 import）",
        "the member was erased and the personal fields wiped (note: operator, member or import)",
    ),
    Event.password_reset: Meaning(
        "通过验证码（或管理员为商户用户，备注：operator）重置了密码，其他会话全部结束",
        "the password was set anew by SMS code, or of a merchant's user by an operator (note: "
        "operator): every other session ended",
    ),
    Event.password_rehashed: Meaning(
        "登录时密码换用了新的哈希，密码不变",
        "the same password was stored under a newer hash at a login",
    ),
    Event.password_changed: Meaning(
        "会员用原密码修改了密码，其他会话全部结束",
        "the member changed the password, knowing the old one: every other session ended",
    ),
    Event.mobile_changed: Meaning(
        "会员更换了手机号码，其他会话全部结束（备注：掩码的新旧号码）",
        "the member changed the mobile number: every other session ended (note: the old one and "
        "the new one, masked)",
    ),
    Event.cancel_requested: Meaning(
        "会员申请注销，进入冷静期", "the member asked for deletion: the cooling-off time began"
    ),
    Event.cancel_withdrawn: Meaning(
        "会员撤回了注销申请", "the member withdrew the request for deletion"
    ),
    Event.logout: Meaning("退出登录，会话结束", "logged out: the session ended"),
    Event.session_replaced: Meaning(
        "同组别的新登录替换了此会话", "a new login in the same group ended this session"
    ),
    Event.session_revoked: Meaning(
        "会话被撤销（备注：operator 管理员，member 会员本人）",
        "the session was revoked (note: by an operator or by the member)",
    ),
    Event.refresh_reuse: Meaning(
        "用过的重置令牌再次出现，疑似被盗，会话结束",
        "a refresh token that was used up came back, which looks like theft: the session ended",
    ),
    Event.sms_code_sent: Meaning(
        "验证码短信已交给网关（备注：用途、掩码号码，merchant 表示商户用户）",
        "a gateway took a message with a code (note: usage, masked number, and merchant where it "
        "is of a merchant's user)",
    ),
    Event.sms_code_failed: Meaning(
        "没有网关能发送验证码短信", "no gateway took the message with the code"
    ),
    Event.sms_code_compared: Meaning(
        "比对了一次验证码；之后没有成功的事件即为错误",
        "a code was compared; it was wrong unless an event of success follows",
    ),
    Event.merchant_added: Meaning("管理员添加了商户", "an operator added the merchant"),
    Event.merchant_disabled: Meaning(
        "管理员停用了商户，其商户用户的所有会话结束",
        "an operator disabled the merchant: every session of its users ended",
    ),
    Event.merchant_enabled: Meaning("管理员启用了商户", "an operator enabled the merchant"),
    Event.alert: Meaning(
        "全站出现异常（备注：是什么）",
        "something unusual on the whole site (note: login_failures, code_guessing, "
        "sms_budget_half, sms_budget_spent, sms_pumping with blocks or ranges)",
    ),
}
