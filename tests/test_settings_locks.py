"""Settings of locks: what cannot be kept, or would be no lock, is refused at the start."""

from pathlib import Path

import pytest

from tests.settings_loading import fault, load


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("LOGIN_ACCOUNT_LOCKOUTS", value)
            for value in ("-1", "-15m", "0", "59s", "15m,59s", "86401", "25h", "2d", "1e9")
        ),
        *(
            ("LOGIN_ACCOUNT_LOCKOUTS", value)
            for value in ("9" * 9, "9" * 30, "9223372036854775808")
        ),
        *(("LOGIN_ACCOUNT_STREAK", value) for value in ("-1", "0", "19", "101", "1e2", "9" * 30)),
        *(
            (name, value)
            for name in ("LOGIN_ACCOUNT_RATE", "LOGIN_ACCOUNT_ADDRESS_RATE", "LOGIN_SITE_RATES")
            for value in ("-5/15m", "0/15m", "5/-15m", "5/0m", "5/25h", "5/2d", "9999999/99999d")
        ),
        *(("SMS_COOLDOWN", value) for value in ("-60", "0", "29", "301", "9" * 30)),
        *(("SMS_SITE_RATES", value) for value in ("-1/1h", "1000001/24h", "999999999/1h")),
        *(("LOGIN_SITE_RATES", value) for value in ("3/1h", "9999999/1s")),
        *(("CODE_SITE_RATES", value) for value in ("1/1h", "9999999/1s")),
        *(("LOGIN_SUSPICION_RATES", value) for value in ("1/24h", "9999999/1s")),
    ],
)
def test_P09_a_lock_out_of_range_is_refused_at_the_start(
    tmp_path: Path, name: str, value: str
) -> None:
    assert fault(tmp_path, **{name: value}).startswith(f"DENGLU_{name}=")


def test_P09_the_longest_locks_that_are_allowed_are_read(tmp_path: Path) -> None:
    settings = load(tmp_path, LOGIN_ACCOUNT_LOCKOUTS="1m,24h", LOGIN_ACCOUNT_STREAK="20")
    assert settings.login_account_lockouts == (60, 86400)
    assert settings.login_account_streak == 20
