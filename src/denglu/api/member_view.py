"""A member as its owner sees it on the wire, in both profiles. Nothing secret is read here.

Rendered members are remembered: while nothing changed, a token check or a refresh need not write
the same JSON again. The store mostly hands out the same frozen `Member`, and to compare two takes
a twentieth of the time.
"""

from dataclasses import fields
from decimal import Decimal
from typing import NamedTuple

from denglu.api.jsontext import Json, to_json
from denglu.api.wire import Wire
from denglu.domain.member import Account, Level, Member

_REMEMBERED = 2048

_DOCUMENT_MEMBER = (
    "id",
    "username",
    "nickname",
    "mobile",
    "email",
    "head_portrait",
    "gender",
    "birthday",
    "source",
    "status",
    "visit_count",
    "last_time",
    "last_ip",
    "current_level",
    "promoter_code",
    "created_at",
    "updated_at",
)
_DOCUMENT_ACCOUNT = (
    "user_money",
    "user_integral",
    "accumulate_money",
    "give_money",
    "consume_money",
    "frozen_money",
    "accumulate_integral",
    "give_integral",
    "consume_integral",
    "frozen_integral",
    "user_growth",
    "accumulate_growth",
    "consume_growth",
    "frozen_growth",
    "economize_money",
    "accumulate_drawn_money",
)
_LEVEL = (
    "level",
    "name",
    "icon",
    "cover",
    "detail",
    "money",
    "integral",
    "growth",
    "discount",
)
# Written out, so that a column added to the domain never reaches the wire by itself.
_EVERY_MEMBER = tuple(
    name
    for line in (
        "id merchant_id store_id username type realname nickname head_portrait gender qq email",
        "birthday province_id city_id area_id address mobile tel_no bg_image description",
        "visit_count last_time last_ip role current_level level_expiration_time level_buy_type",
        "pid level tree promoter_code certification_type source status created_at updated_at",
    )
    for name in line.split()
)
_EVERY_ACCOUNT = tuple(field.name for field in fields(Account))


class Columns(NamedTuple):
    """What a profile shows of a member, an account and a level, in its order."""

    member: tuple[str, ...]
    account: tuple[str, ...]
    level: tuple[str, ...]


def columns_of(wire: Wire) -> Columns:
    """The columns of a profile."""
    if wire.every_column:
        return Columns(_EVERY_MEMBER, _EVERY_ACCOUNT, _LEVEL)
    return Columns(_DOCUMENT_MEMBER, _DOCUMENT_ACCOUNT, _LEVEL)


class MemberView:
    """Writes members for one profile."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._columns = columns_of(wire)
        self._known: dict[int, tuple[Member, bytes]] = {}

    def render(self, member: Member) -> bytes:
        """The member object as JSON text."""
        known = self._known.get(member.id)
        if known is not None and known[0] is member:
            return known[1]
        if known is not None and known[0] == member:
            text = known[1]
        else:
            text = self._write(member)
            if known is None and len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
        self._known[member.id] = member, text
        return text

    def _write(self, member: Member) -> bytes:
        shown: dict[str, Json] = {name: getattr(member, name) for name in self._columns.member}
        head = to_json(shown)[:-1]
        account = self._write_account(member.account)
        level = self._write_level(member.member_level)
        return b'%b,"account":%b,"memberLevel":%b}' % (head, account, level)

    def _write_account(self, account: Account | None) -> bytes:
        if account is None:
            return b"{}"
        return to_json(self._amounts(account, self._columns.account))

    def _write_level(self, level: Level | None) -> bytes:
        if level is None:
            return self._wire.no_level
        shown = self._amounts(level, self._columns.level)
        if self._wire.every_column:
            # The original keeps a discount with one decimal, money with two.
            shown["discount"] = f"{level.discount:.1f}"
        return to_json(shown)

    def _amounts(self, row: Account | Level, columns: tuple[str, ...]) -> dict[str, Json]:
        shown: dict[str, Json] = {name: getattr(row, name) for name in columns}
        if self._wire.every_column:
            for name, value in shown.items():
                if isinstance(value, Decimal):
                    shown[name] = f"{value:.2f}"
        return shown
