"""What holds for every setting: bounds, text forms, and the page that lists them."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from denglu.settings import Settings, SettingsError, load_settings
from denglu.settings.model import about, shown, variable
from denglu.settings.table import renewed
from tests.settings_loading import fault, load

NUMBERS = [name for name in Settings.model_fields if about(name).measure is float]


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_has_a_floor_and_a_ceiling(tmp_path: Path, name: str) -> None:
    facts = about(name)
    step = (
        1
        if isinstance(Settings.model_fields[name].get_default(call_default_factory=True), int)
        else 0.25
    )
    for edge in (facts.low, facts.high):
        assert getattr(Settings.model_validate({name: str(edge)}), name) == edge
    assert f"allowed: {facts.allowed}" in fault(tmp_path, **{name.upper(): str(facts.high + step)})
    if facts.low:
        line = fault(tmp_path, **{name.upper(): str(facts.low - step)})
        assert f"allowed: {facts.allowed}" in line


@pytest.mark.parametrize("bad", ["", " ", "1e3", "-1", "１００", "0x10", "1_000", "True", "7200.0"])
def test_a_number_is_written_in_plain_digits(tmp_path: Path, bad: str) -> None:
    if bad.strip():
        assert "is no whole number" in fault(tmp_path, ACCESS_TTL=bad)
    else:
        assert load(tmp_path, ACCESS_TTL=bad).access_ttl == 7200


def test_the_file_may_not_give_a_switch_for_a_number(tmp_path: Path) -> None:
    (tmp_path / "denglu.toml").write_text("sms_code_tries = true\n", "utf-8")
    assert "is no whole number" in fault(tmp_path)


@pytest.mark.parametrize(
    ("text", "on"), [("true", True), ("1", True), ("On", True), ("no", False), ("0", False)]
)
def test_switches_know_the_usual_words(tmp_path: Path, text: str, on: bool) -> None:
    assert load(tmp_path, DOCS_ENABLED=text).docs_enabled is on


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().access_ttl = 1


def test_every_default_is_within_its_own_bounds() -> None:
    for wire in ("document", "rageframe"):
        settings = Settings.model_validate({"wire": wire})
        assert Settings.model_validate(dict(settings)) == settings


@pytest.mark.parametrize("name", [n for n in Settings.model_fields if not about(n).secret])
def test_what_the_listing_shows_can_be_written_into_a_variable(tmp_path: Path, name: str) -> None:
    for profile in ("document", "rageframe"):
        settings = load(tmp_path, WIRE=profile)
        again = load(
            tmp_path, **{"WIRE": profile, name.upper(): shown(name, getattr(settings, name))}
        )
        assert getattr(again, name) == getattr(settings, name)


def test_lists_and_groups_are_shown_as_they_are_written(tmp_path: Path) -> None:
    written = {
        "GROUPS": "kiosk:自助机:3,pc:PC:2",
        "GROUP_ALIASES": "box:kiosk,web:h5",
        "MOUNTS": "/api,/b",
        "TRUSTED_PROXIES": "127.0.0.1/32,10.0.0.0/8",
        "LOGIN_ACCOUNT_LOCKOUTS": "90s,15m",
        "HASH_DEADLINE": "0.5",
        "DOCS_ENABLED": "false",
    }
    listing = {item.variable: item.value for item in load(tmp_path, **written).effective()}
    assert {name: listing[f"DENGLU_{name}"] for name in written} == written


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), st.text(max_size=40)))
def test_whatever_is_set_the_answer_is_settings_or_faults_of_one_line(
    given_: dict[str, str],
) -> None:
    environ = {variable(name): text for name, text in given_.items()}
    faults = ["none"]
    try:
        load_settings(environ, Path("/nonexistent"))
    except SettingsError as error:
        faults = error.faults
    assert faults
    assert all(len(fault.splitlines()) == 1 for fault in faults)


@given(st.lists(st.sampled_from(["/api", "api/", "/api/tiny-shop", "a.b/~c", "/api/"]), max_size=8))
def test_mounts_have_no_doubles_and_keep_their_order(mounts: list[str]) -> None:
    found = Settings.model_validate({"mounts": ",".join(mounts)}).mounts
    assert list(found) == list(dict.fromkeys("/" + mount.strip("/") for mount in mounts))
    assert Settings(mounts=found).mounts == found


def test_the_number_of_hash_workers_follows_the_machine() -> None:
    assert Settings().hash_workers == min(64, len(os.sched_getaffinity(0)))


def test_the_settings_page_lists_what_the_code_has() -> None:
    page = Path(__file__).parents[1] / "docs" / "settings.md"
    text = page.read_text("utf-8")
    assert text == renewed(text), "run: python -m denglu.settings.table docs/settings.md"
    assert all(f"`{variable(name)}`" in text for name in Settings.model_fields)
    assert not any("|" in about(n).why + about(n).allowed for n in Settings.model_fields)


def test_every_setting_has_a_reason() -> None:
    assert all(about(name).why and about(name).allowed for name in Settings.model_fields)
