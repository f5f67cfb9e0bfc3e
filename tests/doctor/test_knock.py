"""Whether a service answers, whatever its address is."""

import pytest

from denglu.doctor.knock import knock
from tests.clouds.base import Service, serving


def test_any_answer_will_do() -> None:
    with serving(Service()) as service:
        assert knock(service.url) == ""
    assert knock(service.url) == "ConnectionRefusedError"


@pytest.mark.parametrize("url", ["https://..", "https://a..b/x", "http://127.0.0.1:65536"])
def test_an_address_that_is_none_is_no_answer(url: str) -> None:
    assert knock(url)
