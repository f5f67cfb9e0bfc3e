"""Callers: one counter for one network. Refusals: what they carry."""

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Caller


@pytest.mark.parametrize(
    ("addresses", "network"),
    [
        (["203.0.113.7", "::ffff:203.0.113.7", "::ffff:cb00:7107"], "203.0.113.7"),
        (
            [
                "2001:db8:1:2::1",
                "2001:DB8:1:2:0:0:0:1",
                "2001:db8:1:2:ffff:ffff:ffff:ffff",
                "2001:0db8:0001:0002::",
            ],
            "2001:db8:1:2::/64",
        ),
        ([""], ""),
        (["unix"], "unix"),
    ],
)
def test_N04_every_spelling_of_a_network_is_counted_together(
    addresses: list[str], network: str
) -> None:
    assert {Caller(ip=address).network for address in addresses} == {network}


def test_N04_neighbouring_networks_are_counted_apart() -> None:
    addresses = ["203.0.113.7", "203.0.113.8", "2001:db8:1:2::1", "2001:db8:1:3::1"]
    assert len({Caller(ip=address).network for address in addresses}) == 4


@pytest.mark.parametrize(("asked", "told"), [(None, None), (0, 1), (-5, 1), (1, 1), (900, 900)])
def test_N12_a_refusal_never_asks_for_less_than_a_second(
    asked: int | None, told: int | None
) -> None:
    assert Refusal(Reason.busy, retry_after=asked).retry_after == told


def test_a_refusal_keeps_its_own_copy_of_what_it_carries() -> None:
    fields, details = {"mobile": Reason.invalid_mobile}, {"device": "iPad"}
    refusal = Refusal(Reason.invalid_mobile, fields=fields, details=details)
    fields.clear()
    details.clear()
    assert refusal.fields == {"mobile": Reason.invalid_mobile}
    assert refusal.details == {"device": "iPad"}
    assert str(refusal) == "invalid_mobile"
