"""A merchant's user is found by an index, however many members there are."""

import re
from collections.abc import Callable

import pytest

from tests.store.grounds import Ground
from tests.store.plans import plan

_MEMBERS = 10_000
# All members are read.
_WHOLE = r"Seq Scan on member\b|SCAN member\b|'(one|member)', 'ALL'"


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ground(ground_of: Callable[[str], Ground], kind: str) -> Ground:
    return ground_of(kind)


@pytest.mark.parametrize("merchants", [1, 50])
@pytest.mark.parametrize("known", [True, False])
async def test_users_are_found_and_listed_by_an_index(
    ground: Ground, kind: str, merchants: int, known: bool
) -> None:
    ground.open()
    if known:  # else the plan is one for empty tables, which is kept
        _fill(ground, merchants)
        for table in ("member", "merchant"):
            ground.sql(f"ANALYZE TABLE {table}" if kind == "mysql" else "ANALYZE")
    for name in ("user_by_username", "user_by_mobile", "user_by_email"):
        told = plan(ground, kind, name, p_key="u7")
        # With so few users in each merchant, any index that begins with the merchant will do.
        assert re.search(r"uq_member_\w+_key|SEARCH one .* \w+_key=\?", told), (name, told)
        assert not re.search(_WHOLE, told), (name, told)
    told = plan(ground, kind, "user_page", p_merchant_id=1, p_after=0, p_limit=10)
    assert re.search(r"uq_member_\w+_key|merchant_id=\? AND type=\?", told), told
    assert not re.search(_WHOLE, told), told
    await ground.close()


def _fill(ground: Ground, merchants: int) -> None:
    """Each merchant has one user, and the site all the members."""
    names = ",".join(f"('m{n}', 'm{n}')" for n in range(merchants))
    ground.sql(f"INSERT INTO merchant (name, name_key) VALUES {names}")
    for first in range(0, _MEMBERS, 2000):
        members = ",".join(
            f"(0, 1, '', 'u{n}', '138{n:08d}', 'u{n}@example.com')"
            for n in range(first, first + 2000)
        )
        _insert(ground, members)
    _insert(
        ground,
        ",".join(
            f"({n + 1}, 3, '', 'u{n}', '139{n:08d}', 'u{n}@example.com')" for n in range(merchants)
        ),
    )


def _insert(ground: Ground, values: str) -> None:
    columns = "merchant_id, type, tree, username_key, mobile_key, email_key"
    ground.sql(f"INSERT INTO member ({columns}) VALUES {values}")
