"""Settings of test numbers: they end, and their codes are shown nowhere."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from denglu.policies import fixed_codes
from denglu.settings import check_binding, warnings
from denglu.settings.model import shown
from tests.settings_loading import fault, load

TODAY = datetime.now(UTC).date()
TWO = "13800000000=135790, +86 139-1111-1111=246802"


def until(days: int) -> str:
    return str(TODAY + timedelta(days=days))


def test_S18_test_numbers_are_read_with_their_last_day(tmp_path: Path) -> None:
    settings = load(tmp_path, SMS_TEST_NUMBERS=TWO, SMS_TEST_UNTIL="2099-12-31")
    assert settings.sms_test_numbers == {"13800000000": "135790", "13911111111": "246802"}
    assert settings.sms_test_until == date(2099, 12, 31)


def test_S18_the_file_may_give_them_as_a_table(tmp_path: Path) -> None:
    (tmp_path / "denglu.toml").write_text(
        'sms_test_until = 2099-12-31\n[sms_test_numbers]\n13800000000 = "135790"\n', "utf-8"
    )
    settings = load(tmp_path)
    assert settings.sms_test_numbers == {"13800000000": "135790"}
    assert settings.sms_test_until == date(2099, 12, 31)


def test_S18_without_a_last_day_nothing_starts(tmp_path: Path) -> None:
    line = fault(tmp_path, SMS_TEST_NUMBERS=TWO)
    assert line.startswith("DENGLU_SMS_TEST_UNTIL (not set)")
    assert "135790" not in line


@pytest.mark.parametrize(
    "numbers",
    [
        "13800000000",
        "13800000000=",
        "13800000000=abcdef",
        "+1 202 555 0100=135790",
        "13800000000=135790,+8613800000000=246802",
        "13800000000=13579",
        ",".join(f"138000000{n:02d}=135790" for n in range(17)),
    ],
)
def test_S18_what_is_no_list_of_numbers_and_codes_is_refused_unseen(
    tmp_path: Path, numbers: str
) -> None:
    line = fault(tmp_path, SMS_TEST_NUMBERS=numbers, SMS_TEST_UNTIL=until(1))
    assert line.startswith("DENGLU_SMS_TEST_NUMBERS=(hidden)")
    assert not any(code in line for code in ("135790", "246802", "13800000000"))


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "01.12.2026", "2026"])
def test_S18_the_last_day_is_a_day(tmp_path: Path, text: str) -> None:
    line = fault(tmp_path, SMS_TEST_UNTIL=text)
    assert "is no day such as 2026-12-31" in line


@pytest.mark.parametrize(("days", "starts"), [(-1, False), (0, True), (366, True), (367, False)])
def test_S18_a_server_starts_only_before_the_last_day_is_over(
    tmp_path: Path, days: int, starts: bool
) -> None:
    settings = load(tmp_path, SMS_TEST_NUMBERS=TWO, SMS_TEST_UNTIL=until(days))
    faults = check_binding(settings, "127.0.0.1")
    assert (faults == []) is starts
    assert all(line.startswith(f"DENGLU_SMS_TEST_UNTIL={until(days)}") for line in faults)
    assert "135790" not in "".join(faults)


def test_S18_the_start_says_how_many_there_are_and_not_which_codes(tmp_path: Path) -> None:
    settings = load(tmp_path, SMS_TEST_NUMBERS=TWO, SMS_TEST_UNTIL=until(1))
    (line,) = warnings(settings)
    assert "2 with a code that never changes" in line
    assert "138****0000, 139****1111" in line
    assert shown("sms_test_numbers", settings.sms_test_numbers) == "(hidden)"
    everything = line + repr(settings) + str(settings.effective())
    assert not any(secret in everything for secret in ("135790", "246802", "13800000000"))


def test_S18_the_last_day_counts_to_its_end(tmp_path: Path) -> None:
    settings = load(tmp_path, SMS_TEST_NUMBERS=TWO, SMS_TEST_UNTIL="2030-01-31")
    fixed = fixed_codes(settings)
    last = int(datetime(2030, 1, 31, 23, 59, 59, tzinfo=UTC).timestamp())
    assert fixed.code_of("13800000000", last) == "135790"
    assert fixed.code_of("13800000000", last + 1) is None
    assert fixed_codes(load(tmp_path)).code_of("13800000000", 0) is None
