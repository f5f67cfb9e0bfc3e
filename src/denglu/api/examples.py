"""Examples for the API document, made by the code that answers: they can't say otherwise."""

import json
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from denglu.api import captcha_view
from denglu.api.address import Proxies
from denglu.api.envelope import Envelope
from denglu.api.exchange import Exchange
from denglu.api.forms import Form
from denglu.api.handlers import Site, granted, render_cancellation
from denglu.api.jsontext import to_json
from denglu.api.refusals import WireRefusal
from denglu.api.routes import Gives
from denglu.api.session_view import render_sessions
from denglu.domain.deletion import Cancellation
from denglu.domain.errors import Detail, Reason, Refusal
from denglu.domain.member import Account, Level, Member
from denglu.domain.session import EndReason, Session
from denglu.flows.results import Grant

NOW = 1767225600
ACCESS_TOKEN = "wD3vX8kLq0ZsT5nYc2hRb7mJf9aQe4uGi6pVo1xKtBE"
REFRESH_TOKEN = "Zt8GyP1cWm4NsJx6Rf0LkQv3Hb9DuAe7Ti5XoCz2MqU"
_REQUEST_ID = "0123456789abcdef" * 2
# The demo member's of `make run`: what the page offers to try then works at once.
DEMO_PASSWORD = "denglu-demo-2026"
_ZERO = Decimal("0.00")
_TEXT_FIELDS = {
    "username": "demo",
    "password": "correct-horse-9",
    "password_repetition": "correct-horse-9",
    "old_password": DEMO_PASSWORD,
    "group": "pc",
    "mobile": "13800000000",
    "usage": "login",
    "nickname": "小登",
    "refresh_token": REFRESH_TOKEN,
    "token": ACCESS_TOKEN,
}
_WAITS = {
    Reason.sms_too_frequent: 60,
    Reason.too_many_attempts: 900,
    Reason.busy: 1,
}


def body_example(form: type[Form], code_length: int) -> dict[str, str]:
    """A body that fits the form."""
    code = "123456789"[:code_length]
    texts = _TEXT_FIELDS | {"code": code, "new_code": code[::-1]}
    if "code" in form.model_fields and "password_repetition" not in form.model_fields:
        del texts["password"]  # either of them will do
    elif "password_repetition" not in form.model_fields:
        texts["password"] = DEMO_PASSWORD
    own = {name: each.examples[0] for name, each in form.model_fields.items() if each.examples}
    known = {**texts, **own}
    return {name: known[name] for name in form.model_fields if name in known}


def success_example(site: Site, gives: Gives | type[BaseModel]) -> Any:
    """An envelope that says OK."""
    wire, ok = site.wire, site.envelope.ok
    if not isinstance(gives, Gives):
        fields = gives.model_fields.items()
        return json.loads(ok(to_json({n: f.examples[0] for n, f in fields if f.examples})).body)
    if gives is Gives.tokens:
        grant = Grant(ACCESS_TOKEN, REFRESH_TOKEN, 7200, _member())
        return json.loads(granted(site, _exchange(), grant).body)
    data = {
        Gives.member: site.members.render(_member()),
        Gives.token_check: b'{"token":true}',
        Gives.cancellation: render_cancellation(Cancellation(NOW, NOW + 7 * 86400)),
        Gives.sessions: render_sessions([_session()], 1, site.labels),
        Gives.nothing: wire.empty,
        Gives.nothing_after_logout: wire.empty_logout,
        Gives.nothing_after_sms: wire.empty_sms,
    }
    chinese, _ = wire.logout_message
    message = chinese if gives is Gives.nothing_after_logout else "OK"
    return json.loads(ok(data[gives], message).body)


def refusal_example(
    envelope: Envelope, form: type[Form] | None, reason: Reason, *, english: bool = False
) -> Any:
    """The envelope of a refusal."""
    refusal: Refusal
    details: dict[str, Detail] = {}
    if reason in (Reason.session_replaced, Reason.session_ended):
        replaced = reason is Reason.session_replaced
        why = EndReason.replaced if replaced else EndReason.logged_out
        details = {"end_reason": why.value, "ended_at": NOW}
        details |= {"device": "iPhone"} if replaced else {}
    if reason is Reason.captcha_required:
        details = {"captcha": captcha_view.EXAMPLE}
    field = _field_of(form, reason)
    if form is not None and field:
        refusal = WireRefusal(reason, fields={field: reason}, label=form.labels[field])
    else:
        refusal = Refusal(reason, retry_after=_WAITS.get(reason), details=details)
    return json.loads(envelope.refuse(_exchange(english), refusal).body)


def _field_of(form: type[Form] | None, reason: Reason) -> str:
    """The field that an example of this reason speaks of."""
    names = list(form.model_fields) if form else []
    if reason in (Reason.missing_field, Reason.invalid_type) and names:
        return names[0]
    wanted = {
        Reason.invalid_group: ("group",),
        Reason.invalid_usage: ("usage",),
        Reason.invalid_mobile: ("mobile",),
        Reason.too_long: ("username", "nickname", "token", "captcha_token"),
        Reason.password_too_short: ("password",),
        Reason.password_too_long: ("password",),
        Reason.password_too_common: ("password",),
        Reason.password_unchanged: ("password",),
        Reason.password_mismatch: ("password_repetition",),
    }
    return next((name for name in wanted.get(reason, ()) if name in names), "")


def _exchange(english: bool = False) -> Exchange:
    async def receive() -> Any:
        raise RuntimeError("an example has no body")

    headers = [(b"accept-language", b"en")] if english else []
    scope = {"method": "GET", "path": "/", "headers": headers, "query_string": b""}
    exchange = Exchange(scope, receive, Proxies())
    exchange.request_id = _REQUEST_ID
    return exchange


def _session() -> Session:
    return Session(
        id=1,
        merchant_id=0,
        member_id=1,
        member_type=1,
        group="pc",
        generation=1,
        nonce=b"",
        access_expires_at=NOW + 7200,
        refresh_expires_at=NOW + 30 * 86400,
        absolute_expires_at=NOW + 90 * 86400,
        created_at=NOW,
        rotated_at=NOW,
        device="Mac",
        ip="127.0.0.1",
        ended_at=None,
        end_reason=None,
        ended_by="",
    )


def _member() -> Member:
    account = Account(
        id=1,
        merchant_id=0,
        store_id=0,
        member_id=1,
        member_type=1,
        user_money=Decimal("12.50"),
        accumulate_money=Decimal("12.50"),
        give_money=_ZERO,
        consume_money=_ZERO,
        frozen_money=_ZERO,
        user_integral=30,
        accumulate_integral=30,
        give_integral=0,
        consume_integral=_ZERO,
        frozen_integral=0,
        user_growth=0,
        accumulate_growth=0,
        consume_growth=0,
        frozen_growth=0,
        economize_money=_ZERO,
        accumulate_drawn_money=_ZERO,
        status=1,
    )
    level = Level(
        id=1,
        merchant_id=0,
        level=1,
        name="普通会员",
        icon="",
        cover="",
        detail="",
        money=_ZERO,
        integral=0,
        growth=0,
        discount=Decimal(10),
        status=1,
        created_at=NOW,
        updated_at=NOW,
    )
    return Member(
        id=1,
        merchant_id=0,
        store_id=0,
        username="demo",
        type=1,
        realname="",
        nickname="小登",
        head_portrait="",
        gender=0,
        qq="",
        email="",
        birthday=None,
        province_id=0,
        city_id=0,
        area_id=0,
        address="",
        mobile="13800000000",
        tel_no="",
        bg_image="",
        description="",
        visit_count=1,
        last_time=NOW,
        last_ip="127.0.0.1",
        role=0,
        current_level=1,
        level_expiration_time=0,
        level_buy_type=1,
        pid=0,
        level=1,
        tree="",
        promoter_code="ABCD2345",
        certification_type=0,
        source="",
        status=1,
        created_at=NOW,
        updated_at=NOW,
        password_hash=None,
        password_version=0,
        account=account,
        member_level=level,
    )
