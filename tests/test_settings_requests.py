"""The setting of the general request limit."""

from pathlib import Path

import pytest

from denglu.domain.limits import Rate
from denglu.settings import warnings
from tests.settings_loading import fault, load


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("", ()),
        ("600/1m", (Rate(600, 60),)),
        ("10/1s, 1000000/24h", (Rate(10, 1), Rate(1_000_000, 86400))),
    ],
)
def test_request_rates_are_rates_or_nothing(
    tmp_path: Path, text: str, rates: tuple[Rate, ...]
) -> None:
    assert load(tmp_path, REQUEST_RATES=text).request_rates == rates


@pytest.mark.parametrize("text", ["9/1m", "1000001/24h", "600/1m,5/1h", "600", "600/2d"])
def test_request_rates_have_a_floor_and_a_ceiling(tmp_path: Path, text: str) -> None:
    assert "DENGLU_REQUEST_RATES" in fault(tmp_path, REQUEST_RATES=text)


def test_a_redis_beside_one_file_is_not_used_and_that_is_said(tmp_path: Path) -> None:
    redis = "redis://127.0.0.1:6379/0"
    assert "DENGLU_REDIS_URL" in "".join(warnings(load(tmp_path, REDIS_URL=redis)))
    elsewhere = load(
        tmp_path,
        REDIS_URL=redis,
        DATABASE_URL="postgresql://denglu@127.0.0.1/denglu",
        SECRET_KEY="k" * 40,
    )
    assert not warnings(elsewhere)


@pytest.mark.parametrize("url", ["redis://:hun/ter2@127.0.0.1/0", "redis://127.0.0.1:port/0"])
def test_a_redis_url_whose_port_is_none_is_refused_without_its_password(
    tmp_path: Path, url: str
) -> None:
    line = fault(tmp_path, REDIS_URL=url)
    assert "DENGLU_REDIS_URL" in line
    assert "hun" not in line
    assert "ter2" not in line


@pytest.mark.parametrize(
    "url", ["rediss://:hunter2@127.0.0.1/0", "unix:///run/redis.sock?db=1", "redis://redis:6379"]
)
def test_good_redis_urls_are_taken_as_they_are(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, REDIS_URL=url).redis_url == url
