"""Who has a name that two rows of the source claim: a rule, and no I/O.

There the first is found whom the database gives, enabled ones only; here a name has one owner. So
the enabled come before the disabled, and then the lowest id has it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from denglu.domain.member import MemberType, Status, name_key
from denglu.domain.mobile import canonical_mobile

FIELDS = ("username", "mobile", "email")
_LONGEST = {"username": 255, "mobile": 20, "email": 255}
# A rank of the disabled, above every id.
_DISABLED = 1 << 62


@dataclass(frozen=True, slots=True)
class Scope:
    """Within which a name has one owner. Merchants' users are one list."""

    type: int
    merchant_id: int

    @classmethod
    def of(cls, member_type: int, merchant_id: int) -> "Scope":
        """The scope of a member's names."""
        return cls(member_type, 0 if member_type == MemberType.merchant_user else merchant_id)


class Names:
    """Claims, and who has each name once all were heard."""

    def __init__(self) -> None:
        self._owners: dict[str, int] = {}

    def claim(self, field: str, scope: Scope, key: str, member_id: int, status: int) -> None:
        """Somebody is called so."""
        name, rank = _whole(field, scope, key), rank_of(member_id, status)
        self._owners[name] = min(rank, self._owners.get(name, rank))

    def is_anothers(self, field: str, scope: Scope, key: str, member_id: int) -> bool:
        """Whether somebody else has the name."""
        owner = self._owners.get(_whole(field, scope, key))
        return owner is not None and of_rank(owner) != member_id

    def owner(self, field: str, scope: Scope, key: str) -> int:
        """Who has the name."""
        return of_rank(self._owners[_whole(field, scope, key)])


def rank_of(row_id: int, status: int) -> int:
    """Who has what two claim: the lowest rank."""
    return row_id if status == Status.enabled else row_id + _DISABLED


def of_rank(rank: int) -> int:
    """The id of the row with a rank."""
    return rank % _DISABLED


def keys_of(values: Mapping[str, Any]) -> dict[str, str | None]:
    """The keys of a member's names, by field; None for a name by which nobody is found."""
    keys = {
        "username": name_key(values["username"]),
        "mobile": canonical_mobile(values["mobile"]),
        "email": name_key(values["email"]),
    }
    return {field: _fitting(field, key) for field, key in keys.items()}


def claimed(keys: Mapping[str, str | None]) -> Iterable[tuple[str, str]]:
    """Fields and keys of those names that lead to somebody."""
    return [(field, key) for field, key in keys.items() if key is not None]


def _fitting(field: str, key: str | None) -> str | None:
    return key if key and len(key) <= _LONGEST[field] else None


def _whole(field: str, scope: Scope, key: str) -> str:
    return f"{field}/{scope.type}/{scope.merchant_id}/{key}"
