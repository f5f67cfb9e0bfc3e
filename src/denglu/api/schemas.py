"""What answers look like, as pydantic models for the API document. Nothing is validated here.

The columns come from `member_view`, so that a column shown is a column described.
"""

from decimal import Decimal
from functools import cache
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from denglu.api.captcha_view import Captcha
from denglu.api.envelope import NOT_ABOUT_FORMS, code_of
from denglu.api.member_view import Columns
from denglu.api.wire import Wire
from denglu.domain.errors import Reason
from denglu.domain.member import Account, Level, Member
from denglu.domain.session import EndReason

Model = type[BaseModel]

_TEXTS = {
    "id": "Id. 编号",
    "merchant_id": "Merchant, 0 is the site itself. 商户编号",
    "store_id": "Store. 店铺编号",
    "member_id": "The member. 会员编号",
    "member_type": "1 is a member. 会员类型",
    "username": "Username; may be empty. 用户名",
    "type": "1 is a member. 类别",
    "realname": "Real name. 真实姓名",
    "nickname": "Nickname. 昵称",
    "head_portrait": "Picture, an address. 头像",
    "gender": "0 unknown, 1 male, 2 female. 性别",
    "qq": "QQ",
    "email": "E-mail address. 邮箱",
    "birthday": "Date or null. 生日",
    "province_id": "Province. 省",
    "city_id": "City. 市",
    "area_id": "Area. 区",
    "address": "Address. 地址",
    "mobile": "Mobile number, whole: it is the caller's own. 手机号码",
    "tel_no": "Telephone. 电话号码",
    "bg_image": "Background picture. 个人背景图",
    "description": "About. 个人说明",
    "visit_count": "How often the member logged in. 访问次数",
    "last_time": "Last login, Unix seconds. 最后一次登录时间",
    "last_ip": "Address of the last login. 最后一次登录IP",
    "role": "Role. 权限",
    "current_level": "Level. 当前级别",
    "level_expiration_time": "Until when the level holds. 等级到期时间",
    "level_buy_type": "How the level was bought. 等级购买类型",
    "pid": "Who invited the member. 上级编号",
    "level": "Level. 级别",
    "tree": "The line of inviters. 树",
    "promoter_code": "Code for invitations. 推广码",
    "certification_type": "Certification. 认证类型",
    "source": "Where the member registered. 注册来源",
    "status": "1 enabled. 状态",
    "created_at": "Unix seconds. 创建时间",
    "updated_at": "Unix seconds. 修改时间",
    "user_money": "Balance. 当前余额",
    "accumulate_money": "All money ever received. 累计余额",
    "give_money": "Money given. 累计赠送余额",
    "consume_money": "Money spent. 累计消费金额",
    "frozen_money": "Frozen money. 冻结金额",
    "user_integral": "Points. 当前积分",
    "accumulate_integral": "All points ever received. 累计积分",
    "give_integral": "Points given. 累计赠送积分",
    "consume_integral": "Points spent. 累计消费积分",
    "frozen_integral": "Frozen points. 冻结积分",
    "user_growth": "Growth. 当前成长值",
    "accumulate_growth": "All growth. 累计成长值",
    "consume_growth": "Growth spent. 累计消费成长值",
    "frozen_growth": "Frozen growth. 冻结成长值",
    "economize_money": "Money saved. 已节约金额",
    "accumulate_drawn_money": "Money drawn. 累计提现",
    "name": "Name. 名称",
    "icon": "Icon, an address. 图标",
    "cover": "Cover, an address. 封面",
    "detail": "About. 详情",
    "money": "Money needed. 所需消费额",
    "integral": "Points needed. 所需积分",
    "growth": "Growth needed. 所需成长值",
    "discount": "Tenths of the price, 10 is no discount. 折扣",
}


_ROWS = {"Member": Member, "Account": Account, "MemberLevel": Level}


class Closed(BaseModel):
    """An object with these keys and no other."""

    model_config = ConfigDict(extra="forbid")


class Empty(Closed):
    """Nothing."""


class CancellationView(Closed):
    """Whether and when the account is to be deleted."""

    requested: bool = Field(description="Was it asked for? 是否已申请注销")
    requested_at: int = Field(description="When, Unix seconds; 0 if not. 申请时间")
    due_at: int = Field(
        description="From then on it is deleted, Unix seconds; until then it can be withdrawn. "
        "注销时间，此前可撤回"
    )


class TokenCheck(Closed):
    """Whether the token may be kept."""

    token: bool = Field(description="May the client keep its tokens? 是否有效")


class SessionView(Closed):
    """One of the caller's sessions."""

    id: int = Field(description="Id. 编号")
    group: str = Field(description="The kind of client. 组别")
    group_label: str = Field(description="What people call the group. 组别名称")
    device: str = Field(description="The kind of device that logged in. 设备类型")
    ip: str = Field(description="The address that it logged in from. 登录IP")
    created_at: int = Field(description="Login, Unix seconds. 登录时间")
    active_at: int = Field(description="Last login or refresh, Unix seconds. 最近活动时间")
    expires_at: int = Field(description="Ends then unless refreshed, Unix seconds. 过期时间")
    current: bool = Field(description="Is it the one that asks? 是否当前会话")


class Health(Closed):
    """The server's health."""

    status: Literal["ok", "ready", "not ready"]
    warnings: list[str] = Field(default=[], description="What is unwise about it. 警告")


class ActiveToken(Closed):
    """What an access token is good for."""

    active: Literal[True]
    token_type: Literal["Bearer"]
    sub: str = Field(description="The member's id. 会员编号")
    client_group: str = Field(description="The group it was made for. 组别")
    member_level: int = Field(description="The member's level. 会员级别")
    merchant_id: int = Field(description="Whose member, 0: the site's. 所属商户")
    exp: int = Field(description="Good until then, Unix seconds. 过期时间")
    iat: int = Field(
        default=0,
        description="Made then, Unix seconds; left out of one that was just replaced. 签发时间",
    )
    username: str = Field(default="", description="Left out of a member without one. 用户名")


class InactiveToken(Closed):
    """It is good for nothing; why is nobody's business."""

    active: Literal[False]


class NoMember(Closed):
    """Why a token is not good."""

    error: Literal[
        "token_missing", "token_invalid", "token_expired", "session_replaced", "session_ended"
    ]


class AliyunHeard(Closed):
    """As Aliyun wants to be told that it was heard."""

    code: Literal[0]
    msg: str


class TencentHeard(Closed):
    """As Tencent Cloud wants to be told."""

    result: Literal[0]
    errmsg: str


class SenderHeard(Closed):
    """What a sender of one's own is told."""

    ok: Literal[True]


class NotHeard(Closed):
    """Why nothing was written down."""

    error: Literal["malformed_body", "body_too_large", "invalid_signature", "internal", "busy"]


class IntrospectionRefused(Closed):
    """Why nothing was said."""

    error: Literal[
        "invalid_request",
        "invalid_client",
        "body_too_large",
        "unsupported_media_type",
        "too_many_attempts",
        "internal",
        "busy",
    ]


def member_model(wire: Wire, columns: Columns) -> Model:
    """The member object of a profile."""
    account = _object("Account", wire, columns.account)
    level = _object("MemberLevel", wire, columns.level)
    no_level: Any = list[None] if wire.every_column else Empty
    return _object(
        "Member",
        wire,
        columns.member,
        account=(account | Empty, Field(description="Balances. 账户")),
        memberLevel=(level | no_level, Field(description="The member's level. 会员等级")),
    )


def token_model(wire: Wire, member: Model) -> Model:
    """The token object of a profile."""
    life: Any = str if wire.life_as_text else int
    return create_model(
        "TokenObject",
        __base__=Closed,
        refresh_token=(str, Field(description="Gives the next pair. 重置令牌")),
        access_token=(str, Field(description="Goes into X-Api-Key. 访问令牌")),
        expiration_time=(life, Field(description="Seconds the access token is good for. 有效期")),
        member=(member, Field(description="The member. 会员")),
    )


def success_model(wire: Wire, name: str, data: Any) -> Model:
    """An envelope that says OK."""
    return create_model(
        name,
        __base__=Closed,
        code=(Literal[200], ...),
        message=(str, ...),
        data=(data, ...),
        **_stamps(wire, error=False),
    )


def refusal_models(
    wire: Wire, operation: str, reasons: tuple[Reason, ...]
) -> dict[int, list[Model]]:
    """The envelopes that say no, by code: most codes have one, 422 may have two."""
    groups: dict[tuple[int, bool], list[Reason]] = {}
    for reason in dict.fromkeys(reasons):
        code = code_of(reason)
        groups.setdefault((code, code == 422 and reason not in NOT_ABOUT_FORMS), []).append(reason)
    models: dict[int, list[Model]] = {}
    for (code, is_form), members in groups.items():
        model = _refusal(wire, operation, code, is_form, tuple(members))
        models.setdefault(code, []).append(model)
    return models


def _refusal(
    wire: Wire, operation: str, code: int, is_form: bool, reasons: tuple[Reason, ...]
) -> Model:
    if len(reasons) == 1:
        # Says the same for every operation, so it's one schema.
        return _single_refusal(wire, code, is_form, reasons[0])
    kind = "Form" if is_form else "Refused"
    return _envelope_of(wire, f"{operation}{kind}{code}", code, is_form, reasons)


@cache
def _single_refusal(wire: Wire, code: int, is_form: bool, reason: Reason) -> Model:
    name = "".join(part.title() for part in reason.split("_"))
    return _envelope_of(wire, name, code, is_form, (reason,))


def _envelope_of(
    wire: Wire, name: str, code: int, is_form: bool, reasons: tuple[Reason, ...]
) -> Model:
    bare = is_form and wire.named_errors
    fields: dict[str, Any] = {
        "code": (Literal[code], Field(description=", ".join(reasons))),
        "message": (str, ...),
        "data": (tuple[()] if bare else _error_data(wire, name, code, reasons), ...),
    }
    return create_model(name, __base__=Closed, **fields, **_stamps(wire, error=not is_form))


def _error_data(wire: Wire, name: str, code: int, reasons: tuple[Reason, ...]) -> Model:
    fields: dict[str, Any] = {}
    if wire.named_errors:
        fields |= {"name": (str, ...), "message": (str, ...)}
        fields |= {"code": (Literal[0], ...), "status": (Literal[code], ...)}
    fields["reason"] = (Literal[tuple(reason.value for reason in reasons)], ...)
    if code in (422, 429, 503):
        wait = Field(default=0, ge=1, description="Seconds until it may work. 多少秒后再试")
        fields["retry_after"] = (int, wait)
    if code == 422:
        wrong: Any = Field(default={}, description="Wrong fields and their reasons. 有误的字段")
        fields["fields"] = (dict[str, str], wrong)
    if Reason.captcha_required in reasons:
        shown: Any = Field(default={}, description="What to ask of the user. 安全验证")
        fields["captcha"] = (Captcha, ... if len(reasons) == 1 else shown)
    if code == 401:
        fields["end_reason"] = (EndReason, Field(default="", description="Why it ended. 原因"))
        fields["ended_at"] = (int, Field(default=0, description="Unix seconds. 时间"))
        fields["device"] = (str, Field(default="", description="The new login's device. 设备"))
    if code == 500 and not wire.stamped:
        fields["req_id"] = (str, Field(pattern="^[0-9a-f]{32}$"))
    return create_model(f"{name}Data", __base__=Closed, **fields)


def _stamps(wire: Wire, *, error: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if wire.stamped:
        fields["timestamp"] = (int, Field(description="Unix seconds. 时间戳"))
        if error:
            fields["req_id"] = (str, Field(pattern="^[0-9a-f]{32}$", description="请求编号"))
    return fields


def _object(name: str, wire: Wire, columns: tuple[str, ...], **further: Any) -> Model:
    hints = get_type_hints(_ROWS[name])
    fields: dict[str, Any] = {
        column: (_wire_type(hints[column], wire), Field(description=_TEXTS[column]))
        for column in columns
    }
    return create_model(name, __base__=Closed, **(fields | further))


def _wire_type(hint: Any, wire: Wire) -> Any:
    """Decimals are JSON numbers, or text with their decimals; all else is what it is."""
    if hint is not Decimal:
        return hint
    return str if wire.every_column else float
