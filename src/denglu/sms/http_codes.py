"""What a receiver of the gateway ``http`` says (docs/sms-http.md), for people who read."""

from denglu.domain.sms_message import Trouble
from denglu.sms.codes import Catalogue, ProviderCode

CODES = Catalogue(
    ProviderCode(
        "refused",
        Trouble.refused,
        "接收端拒绝：核对两边的 DENGLU_SMS_HTTP_KEY 与系统时间，其余原因看接收端的日志。",
        "The receiver refused. Compare DENGLU_SMS_HTTP_KEY and the clocks on both sides; for "
        "anything else see the receiver's log.",
    ),
    ProviderCode(
        "throttled",
        Trouble.throttled,
        "接收端限制了发送量。稍后恢复，或在接收端提高上限。",
        "The receiver had too many messages. It passes, or is raised there.",
    ),
    ProviderCode(
        "number_limit",
        Trouble.number_limit,
        "接收端限制了发往该号码的数量。让它的上限不低于 DENGLU_SMS_NUMBER_RATES。",
        "The number had too many messages there. Let the receiver's limit be no lower than "
        "DENGLU_SMS_NUMBER_RATES.",
    ),
    ProviderCode(
        "bad_number",
        Trouble.bad_number,
        "接收端认为号码无效。用户需核对号码。",
        "To the receiver the number is none. Its owner has to look at it.",
    ),
    ProviderCode(
        "blocked",
        Trouble.blocked,
        "用户退订过，或被运营商屏蔽。",
        "The number's owner unsubscribed, or the operator keeps messages off.",
    ),
    ProviderCode(
        "HTTP 429",
        Trouble.throttled,
        "接收端或其前面的代理限制了请求量。",
        "The receiver, or a proxy before it, had too many requests.",
    ),
    ProviderCode(
        "HTTP 503",
        Trouble.unreachable,
        "接收端暂时不可用。稍后自动恢复，可配置第二个网关。",
        "The receiver is down for the moment. That ends by itself; a second gateway helps.",
    ),
    ProviderCode(
        "HTTP *",
        Trouble.unanswered,
        "回答不合协议（error 不是约定的词），短信可能已发出。"
        "核对 DENGLU_SMS_HTTP_URL 的路径与代理。",
        "An answer outside of the protocol (no word of it in error), so the message may be under "
        "way. Look at the path in DENGLU_SMS_HTTP_URL, and at proxies before the receiver.",
    ),
)
