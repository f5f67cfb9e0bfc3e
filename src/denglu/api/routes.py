"""Every path on one page: method, guard, what it reads and gives, why it may be refused.

The limits are among the reasons: `too_many_attempts`, `sms_too_frequent`, `captcha_required`
(limits that only mean suspicion), and for codes `bad_code`. Every call but those of HEALTH also
counts among the requests of its address, where `request_rates` are set. A test holds every
answer to this page through the API document made from it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from pydantic import BaseModel

from denglu.api import forward_auth, handlers, introspect, metrics, receipts
from denglu.api.envelope import Answer
from denglu.api.exchange import Exchange
from denglu.api.forms import (
    CancelForm,
    ChangeMobileForm,
    ChangePasswordForm,
    Form,
    LoginForm,
    MobileLoginForm,
    RefreshForm,
    RegisterForm,
    ResetPasswordForm,
    SmsCodeForm,
    VerifyForm,
)
from denglu.api.handlers import Site
from denglu.api.openapi_texts import About
from denglu.domain.errors import Reason as R
from denglu.domain.member import MemberType

Handler = Callable[[Site, Exchange, Any], Awaitable[Answer]]


_LIMITS = frozenset({R.too_many_attempts, R.sms_too_frequent})


class Guard(Enum):
    """Who may call. What the handler gets beside the request: its form, the token, the member."""

    public = "public"  # whatever token is presented is ignored
    token = "token"  # a token must be there; the flow judges it
    member = "member"  # a good access token; with a form, the handler gets both
    back_end = "back_end"  # a back-end's own secret
    watcher = "watcher"  # the key of the metrics
    path = "path"  # the path ends in the key; the handler gets the gateway's name


class Gives(Enum):
    """What a success holds."""

    tokens = "tokens"
    member = "member"
    token_check = "token_check"
    cancellation = "cancellation"
    sessions = "sessions"
    nothing = "nothing"
    nothing_after_logout = "nothing_after_logout"
    nothing_after_sms = "nothing_after_sms"
    health = "health"
    introspection = "introspection"
    identity = "identity"
    metrics = "metrics"
    heard = "heard"


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `refusals`: the reasons of its flow, beside those of its form and guard.

    A path may end in `/{id}`: a number, the handler finds it in the exchange; or in
    `/{gateway}/{key}`. `twin`: does what another one does, for clients that cannot send its method.
    `realm`: as whom people log in there; tokens of others are good for nothing. `about`: what the
    API document says of a plugin's; that gives data of its own by a model of it.
    """

    method: str
    path: str
    guard: Guard
    handler: Handler
    form: type[Form] | None
    gives: Gives | type[BaseModel]
    refusals: tuple[R, ...] = ()
    twin: bool = False
    realm: MemberType = MemberType.member
    about: About | None = None

    @property
    def limited(self) -> bool:
        """Whether a limit by address or number guards it."""
        return not _LIMITS.isdisjoint(self.refusals)

    @property
    def for_machines(self) -> bool:
        """Whether programs ask there: outside every mount, with real statuses, no envelope."""
        return self.gives in (Gives.introspection, Gives.identity)

    @property
    def names_merchant(self) -> bool:
        """Whether the header `merchant-id` says whose members it is about."""
        return self.realm is MemberType.member and R.merchant_not_found in self.refusals

    @property
    def name(self) -> str:
        """What is done, and for whom."""
        name = self.handler.__name__
        return f"merchant_{name}" if self.realm is MemberType.merchant_user else name

    @property
    def operation(self) -> str:
        """What the API document calls it."""
        return f"{self.name}_by_{self.method.lower()}" if self.twin else self.name


def _by_post_too(route: Route) -> tuple[Route, Route]:
    """For the mini-programs of Alipay and Douyin, whose clients cannot send DELETE."""
    return route, replace(route, method="POST", twin=True)


_SITE, _MEMBER, _OWN = "/v1/site", "/v1/member/member", "/v1/member"
_TOKEN = (R.token_missing, R.token_invalid, R.token_expired, R.session_replaced, R.session_ended)
_REFRESH = (R.refresh_invalid, R.refresh_expired, R.session_replaced, R.session_ended)
_CODE = (R.bad_code, R.too_many_attempts)
_PROOF = (*_CODE, R.wrong_password)
_WITHDRAW = Route(
    "DELETE",
    f"{_OWN}/cancel",
    Guard.member,
    handlers.withdraw_cancellation,
    None,
    Gives.nothing,
    _TOKEN,
)

ROUTES = (
    Route(
        "POST",
        f"{_SITE}/login",
        Guard.public,
        handlers.login,
        LoginForm,
        Gives.tokens,
        (R.merchant_not_found, R.bad_credentials, R.too_many_attempts, R.captcha_required),
    ),
    Route(
        "POST",
        f"{_SITE}/sms-code",
        Guard.public,
        handlers.send_code,
        SmsCodeForm,
        Gives.nothing_after_sms,
        (
            R.merchant_not_found,
            R.sms_too_frequent,
            R.sms_budget,
            R.sms_failed,
            R.captcha_required,
        ),
    ),
    Route(
        "POST",
        f"{_SITE}/mobile-login",
        Guard.public,
        handlers.mobile_login,
        MobileLoginForm,
        Gives.tokens,
        (R.merchant_not_found, *_CODE, R.member_not_found),
    ),
    Route(
        "POST",
        f"{_SITE}/register",
        Guard.public,
        handlers.register,
        RegisterForm,
        Gives.tokens,
        (R.merchant_not_found, *_CODE, R.mobile_taken),
    ),
    Route(
        "POST",
        f"{_SITE}/up-pwd",
        Guard.public,
        handlers.reset_password,
        ResetPasswordForm,
        Gives.tokens,
        (R.merchant_not_found, *_CODE, R.member_not_found),
    ),
    Route(
        "POST",
        f"{_SITE}/refresh",
        Guard.public,
        handlers.refresh,
        RefreshForm,
        Gives.tokens,
        _REFRESH,
    ),
    Route(
        "POST",
        f"{_SITE}/verify-access-token",
        Guard.public,
        handlers.verify_token,
        VerifyForm,
        Gives.token_check,
    ),
    Route(
        "POST",
        f"{_SITE}/logout",
        Guard.token,
        handlers.logout,
        None,
        Gives.nothing_after_logout,
        _TOKEN,
    ),
    Route(
        "GET",
        f"{_MEMBER}/index",
        Guard.member,
        handlers.who_am_i,
        None,
        Gives.member,
        _TOKEN,
    ),
    Route(
        "GET",
        f"{_OWN}/session",
        Guard.member,
        handlers.list_sessions,
        None,
        Gives.sessions,
        _TOKEN,
    ),
    *_by_post_too(
        Route(
            "DELETE",
            f"{_OWN}/session/{{id}}",
            Guard.member,
            handlers.end_session,
            None,
            Gives.nothing,
            (*_TOKEN, R.not_found),
        )
    ),
    *_by_post_too(
        Route(
            "DELETE",
            f"{_OWN}/session/others",
            Guard.member,
            handlers.end_other_sessions,
            None,
            Gives.nothing,
            _TOKEN,
        )
    ),
    Route(
        "POST",
        f"{_OWN}/password",
        Guard.member,
        handlers.change_password,
        ChangePasswordForm,
        Gives.tokens,
        (*_TOKEN, R.wrong_password, R.too_many_attempts),
    ),
    Route(
        "POST",
        f"{_OWN}/mobile",
        Guard.member,
        handlers.change_mobile,
        ChangeMobileForm,
        Gives.tokens,
        (*_TOKEN, *_PROOF, R.mobile_taken),
    ),
    Route(
        "GET",
        f"{_OWN}/cancel",
        Guard.member,
        handlers.show_cancellation,
        None,
        Gives.cancellation,
        _TOKEN,
    ),
    Route(
        "POST",
        f"{_OWN}/cancel",
        Guard.member,
        handlers.cancel,
        CancelForm,
        Gives.cancellation,
        (*_TOKEN, *_PROOF),
    ),
    _WITHDRAW,
    replace(_WITHDRAW, method="POST", path=f"{_WITHDRAW.path}/withdraw", twin=True),
)

# Outside every mount, with real statuses, no envelope and no limit.
HEALTH = (
    Route("GET", "/healthz", Guard.public, handlers.alive, None, Gives.health),
    Route("GET", "/readyz", Guard.public, handlers.readiness, None, Gives.health),
)

# The same: what proxies ask before they pass a member's request on to a back end.
PROXIES = (
    Route(
        "GET",
        "/forward-auth",
        Guard.member,
        forward_auth.forward_auth,
        None,
        Gives.identity,
        _TOKEN,
    ),
)

# The same, and only where DENGLU_INTROSPECTION_KEYS is set.
BACK_ENDS = (
    Route(
        "POST",
        "/introspect",
        Guard.back_end,
        introspect.introspect,
        VerifyForm,
        Gives.introspection,
    ),
)

# Only where DENGLU_METRICS_KEY or DENGLU_SMS_RECEIPT_KEY is set.
WATCHERS = (Route("GET", "/metrics", Guard.watcher, metrics.metrics, None, Gives.metrics),)
HOOKS = (
    Route(
        "POST",
        receipts.PATH + "/{gateway}/{key}",
        Guard.path,
        receipts.take_receipts,
        None,
        Gives.heard,
    ),
)

MERCHANT_API = "/merapi/v1/"

ANY_TOKEN = _TOKEN
"""Why any access token may be refused."""

ANY_FORM = (R.malformed_body, R.unsupported_media_type, R.body_too_large)
"""Why any body may be refused."""

ANY_CALL = (R.too_many_attempts, R.busy, R.internal)
"""Why any call may be refused."""
