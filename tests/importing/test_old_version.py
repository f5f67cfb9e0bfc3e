"""Version 2, which lacks columns and calls some by another name."""

from collections.abc import Iterator

import pytest

from tests.importing.moving_in import rageframe_on
from tests.importing.rageframe import Rageframe
from tests.importing.small import NOW, books, bound, bring, pass_, person, rank
from tests.moving.places import Place
from tests.servers.mariadb import MariadbServer


@pytest.fixture
def source(mariadb: MariadbServer) -> Iterator[Rageframe]:
    with rageframe_on(mariadb, version=2) as made:
        made.prefix = "yl_"
        made.create()
        yield made


def test_version_two_comes_with_our_defaults_for_what_it_lacks(
    source: Rageframe, place: Place
) -> None:
    source.fill(
        "member",
        [
            person(1, promoter_code="P1", tel_no="0571"),
        ],
    )
    source.fill("member", [person(2, type=10)])
    source.fill("member_account", [books(1, 1, "-0.01", user_integral=5)])
    source.fill("member_level", [rank(1, 1, "青铜")])
    source.fill("member_auth", [bound(1, 1)])
    source.fill("api_access_token", [pass_(1, 1)])
    came = bring(source, place)
    assert came.left_out("member") == {"administrator": 1}
    asked = "promoter_code, tel_no, level_buy_type, source, store_id, mobile_key"
    assert place.sql(f"SELECT {asked} FROM member") == [("P1", "0571", 1, "", 0, "13000000001")]
    asked = "user_money, user_integral, economize_money, user_growth, member_type"
    assert place.sql(f"SELECT {asked} FROM member_account") == [(-1, 5, 0, 0, 1)]
    assert place.sql("SELECT name, growth, icon FROM member_level") == [("青铜", 0, "")]
    assert place.sql("SELECT member_type, addon_name FROM member_auth") == [(1, "")]
    assert place.sql("SELECT access_expires_at FROM session") == [(NOW - 60 + 7200,)]
    again = bring(source, place)
    assert all(again.counts(tally.table)[:2] == (0, 0) for tally in again.report.tallies)
