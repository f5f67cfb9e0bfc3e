"""Houses: the site's members, those of two merchants, and two merchants' users; nearly all have
the same names, and each has rows in every table that members have any in.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, LargeBinary, Table

from denglu.domain.audit import AuditEvent, Event, Span
from denglu.domain.deletion import Cancellation
from denglu.domain.member import Member, MemberType, Namespace, NewMember
from denglu.domain.merchant import Merchant
from denglu.domain.mobile import mask_mobile
from denglu.domain.session import Session
from denglu.domain.sms_message import MessageResult, Outcome
from denglu.flows.ports import (
    NewCode,
    NewMessage,
    NewSession,
    Period,
    Store,
    TokenDigests,
    Transaction,
)
from denglu.store.schema import metadata
from tests.store.grounds import Ground
from tests.store.making import MOBILE, NOW, new_session

EVERYTHING = Span(0, NOW + 1000)
# Masked it looks like everybody's, and is nobody's.
STRAY_MOBILE = "13800110000"
# Rows by table and key, and their values by column.
Dump = dict[tuple[str, ...], dict[str, str]]
_BETWEEN = "\x1f"


@dataclass
class House:
    """What one merchant, or one realm, has for itself. ``number`` tells it from the others."""

    number: int
    merchant_id: int
    type: MemberType
    name: str = "Ming"
    mobile: str = MOBILE
    # Of the first house of a merchant.
    merchant: Merchant | None = None
    member: Member = field(init=False)
    sessions: list[Session] = field(init=False)
    code: int = field(init=False)
    message: int = field(init=False)
    rows: Dump = field(init=False)

    @property
    def is_user(self) -> bool:
        return self.type is MemberType.merchant_user

    @property
    def namespace(self) -> Namespace:
        return Namespace(0 if self.is_user else self.merchant_id, self.type)

    @property
    def masked(self) -> str:
        return self.namespace.marked(mask_mobile(self.mobile))

    @property
    def period(self) -> Period:
        """Of a budget."""
        return Period(self.number, "hour", NOW, NOW + 3600)

    @property
    def provider_id(self) -> str:
        """Its message's name at the gateway."""
        return f"17^{self.number}"

    def key(self, what: str) -> bytes:
        """A keyed digest of something that may be the same in all houses."""
        return hashlib.sha256(f"{what} {self.number}".encode()).digest()

    def pair(self, session: Session, generation: int) -> TokenDigests:
        """The digests of a generation."""
        name = f"{session.group} {generation}"
        return TokenDigests(self.key(f"access {name}"), self.key(f"refresh {name}"))

    def new_member(self) -> NewMember:
        return NewMember(
            self.name,
            self.mobile,
            f"{self.name}@example.com",
            "小明",
            "$argon2id$first",
            merchant_id=self.merchant_id,
            type=self.type,
        )

    def new_session(self, group: str) -> NewSession:
        return new_session(
            self.member.id, group=group, merchant_id=self.merchant_id, member_type=self.type
        )

    def new_code(self) -> NewCode:
        return NewCode(
            merchant_id=self.namespace.merchant_id,
            number_key=self.key("number"),
            masked=self.masked,
            usage="login",
            salt=b"s" * 16,
            digest=b"d" * 32,
            expires_at=NOW + 300,
            ip="203.0.113.7",
            now=NOW,
        )

    def new_message(self) -> NewMessage:
        owner = self.namespace.merchant_id
        return NewMessage(owner, self.key("number"), self.masked, "login", NOW)

    def event(self, event: Event, note: str = "", mobile: str = "") -> AuditEvent:
        """Of its member, or about a number."""
        return AuditEvent(
            event,
            NOW,
            merchant_id=self.namespace.merchant_id,
            member_id=None if mobile else self.member.id,
            ip="203.0.113.7",
            note=note,
            mobile=mobile,
            member_type=self.type,
        )

    def owns(self, table: str, row: dict[str, str]) -> bool:
        """Whether a row that is new can only be this house's."""
        if table == "limit_tally":
            return row["tally_key"] == self.key("new tally").hex()
        if table == "sms_spend":
            return row["scope"] == str(self.number)
        if table == "session_token":
            return row["member_id"] == str(self.member.id)
        owners = {str(self.merchant_id), str(self.namespace.merchant_id)}
        types = {row[name] for name in ("type", "member_type") if name in row}
        return row["merchant_id"] in owners and types <= {str(int(self.type))}


def houses() -> list[House]:
    """Merchants' users are one list: so the two have different names. Each has a member of the
    same merchant with the same names, once there before and once after.

    Within a list, codes and messages of one who is erased are found by the masked number, and may
    be a stranger's: that is no matter of isolation, so the two differ in that, too.
    """
    member, user = MemberType.member, MemberType.merchant_user
    return [
        House(1, 0, member),
        House(2, 1, member),
        House(3, 1, user),
        House(4, 2, user, name="Hong", mobile="13800002222"),
        House(5, 2, member, name="Hong", mobile="13800002222"),
    ]


async def furnish(house: House, store: Store, ground: Ground) -> None:
    """Make a house's rows, and keep what they are."""
    before = dump(ground)
    there = await store.read(lambda tx: tx.merchants.page(0, 100))
    if house.merchant_id > len(there):
        await store.write(lambda tx: tx.merchants.add(f"shop {house.number}", NOW))
        house.merchant = await store.read(lambda tx: tx.merchants.get(house.merchant_id))
    member_id = await store.write(lambda tx: tx.members.add(house.new_member(), NOW))
    house.member = await _member(store, member_id)
    await store.write(lambda tx: _fill(house, tx))
    house.sessions = await store.read(lambda tx: tx.sessions.live(member_id))
    ground.put(
        "insert into member_auth (merchant_id, member_id, member_type, oauth_client, unionid) "
        f"values ({house.merchant_id}, {member_id}, {int(house.type)}, 'wechat', 'the same')"
    )
    for number, kind in enumerate(("member", "auth")):
        ground.put(
            "insert into import_mark (kind, source_id, digest, target_id) values "
            f"('{kind}', {house.member.id}, {ground.blob(house.key(kind))}, {number})"
        )
    house.rows = {key: row for key, row in dump(ground).items() if before.get(key) != row}


async def _member(store: Store, member_id: int) -> Member:
    member = await store.read(lambda tx: tx.members.get(member_id))
    assert member is not None
    return member


async def _fill(house: House, tx: Transaction) -> None:
    for group in ("pc", "iOS"):
        session_id, _ = await tx.sessions.open(house.new_session(group))
        (session,) = await tx.sessions.live(house.member.id, group)
        await tx.sessions.add_pair(session_id, house.member.id, 1, house.pair(session, 1))
    house.code = await tx.codes.issue(house.new_code())
    await tx.spending.add([house.period], house.number, 450)
    house.message = await tx.messages.add(house.new_message())
    named = MessageResult(Outcome.sent, NOW, gateway="aliyun", provider_id=house.provider_id)
    await tx.messages.finish(house.message, named)
    await tx.tallies.load([house.key("tally")])
    await tx.tallies.save({house.key("tally"): (f"tries {house.number}", NOW)})
    await tx.deletions.put(house.member.id, Cancellation(NOW, NOW + house.number))
    for mobile in (house.mobile, STRAY_MOBILE):
        asked = house.event(Event.sms_code_sent, f"login {house.masked}", mobile)
        await tx.trail.write(asked)


def dump(ground: Ground) -> Dump:
    """Every row of every table, as texts; bytes in hexadecimal digits, ``~`` for NULL."""
    tables = metadata.sorted_tables
    parts = [_selected(table, number, ground.kind) for number, table in enumerate(tables)]
    rows: Dump = {}
    for number, text in ground.sql(" UNION ALL ".join(parts)):
        table = tables[number]
        row = dict(zip(table.columns.keys(), text.split(_BETWEEN), strict=True))
        rows[table.name, *(row[column.name] for column in table.primary_key)] = row
    return rows


def _selected(table: Table, number: int, kind: str) -> str:
    """One of the parts of one statement: a round trip for each table takes too long."""
    values = [_as_text(column, kind) for column in table.columns]
    if kind == "mysql":
        text = f"CONCAT_WS('{_BETWEEN}', {', '.join(values)}) COLLATE utf8mb4_bin"
    else:
        text = f" || '{_BETWEEN}' || ".join(values)
    return f"SELECT {number}, {text} FROM {table.name}"


def _as_text(column: Column[Any], kind: str) -> str:
    name, is_binary = column.name, isinstance(column.type, LargeBinary)
    if kind == "postgresql":
        text = f"encode({name}, 'hex')" if is_binary else f"CAST({name} AS text)"
    else:
        text_type = "char" if kind == "mysql" else "text"
        text = f"lower(hex({name}))" if is_binary else f"CAST({name} AS {text_type})"
    return f"coalesce({text}, '~')"
