"""Where settings come from, and what an operator is told about mistakes."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from denglu.domain.limits import Rate
from denglu.settings import Settings, SettingsError, load_settings
from tests.settings_loading import fault, faults, load

KEY = "k" * 32


def test_an_operator_who_sets_nothing_gets_the_documented_defaults(tmp_path: Path) -> None:
    settings = load_settings({"HOME": "/home/operator", "PATH": "/bin"}, tmp_path)
    assert dict(settings) == dict(Settings())
    assert settings.wire == "document"
    assert settings.sms_code_length == 6
    assert settings.sms_code_tries == 5
    assert settings.code_number_rates == (Rate(10, 3600), Rate(20, 86400))
    assert settings.login_account_lockouts == (900, 1800, 3600)
    assert settings.cors_origins == ()
    assert {item.source for item in settings.effective()} == {"default"}


def test_the_rageframe_profile_brings_its_own_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, WIRE="rageframe", SMS_CODE_TRIES="2")
    assert settings.sms_code_length == 4
    assert settings.sms_code_tries == 2
    assert settings.code_number_rates == (Rate(6, 86400),)
    assert settings.cors_origins == ("*",)
    assert settings.mounts == ("/api", "/api/tiny-shop", "/tiny-shop")
    assert settings.source_of("sms_code_length") == "default of the rageframe profile"
    assert settings.source_of("sms_code_tries") == "the environment"
    assert settings.source_of("sms_code_ttl") == "default"


def test_the_profile_may_come_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "denglu.toml").write_text('wire = "rageframe"\n', "utf-8")
    assert load(tmp_path).sms_code_length == 4
    assert load(tmp_path, WIRE="document").sms_code_length == 6


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "denglu.toml").write_text("access_ttl = 600\nkeep_alive = 20\n", "utf-8")
    settings = load(tmp_path, ACCESS_TTL="900")
    assert (settings.access_ttl, settings.source_of("access_ttl")) == (900, "the environment")
    assert (settings.keep_alive, settings.source_of("keep_alive")) == (20, "denglu.toml")


def test_another_file_can_be_named_and_must_then_exist(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("access_ttl = 600\n", "utf-8")
    assert load(tmp_path, CONFIG="other.toml").source_of("access_ttl") == "other.toml"
    assert "there is no such file" in fault(tmp_path, CONFIG="lost.toml")


def test_a_broken_file_is_one_fault_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "denglu.toml").write_text("wire = \n", "utf-8")
    found = faults(tmp_path, ACCESS_TTL="never")
    assert len(found) == 2
    assert "is no readable TOML file" in found[0]
    assert "line 1" in found[0]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "denglu.toml").write_text("keep_alive = 0\nhash_quene = 5\n", "utf-8")
    found = faults(
        tmp_path,
        WIRE="fax",
        SMS_CODE_TTL="601",
        MOUNTS="/a b",
        SMS_GATEWAYS="outbox",
        ARGON2_TIME="1",
        CLOCK_FILE="x",
    )
    told = {line.partition("=")[0].partition(" ")[0] for line in found}
    assert told == {
        "DENGLU_WIRE",
        "DENGLU_SMS_CODE_TTL",
        "DENGLU_MOUNTS",
        "DENGLU_SMS_OUTBOX",
        "DENGLU_ARGON2_TIME",
        "DENGLU_KEEP_ALIVE",
        "DENGLU_CLOCK_FILE",
        "hash_quene",
    }


def test_a_fault_is_not_followed_by_those_it_would_cause(tmp_path: Path) -> None:
    assert fault(tmp_path, WIRE="rageframed", CORS_ORIGINS="*").startswith("DENGLU_WIRE=")


def test_a_fault_names_variable_value_source_bounds_and_reason(tmp_path: Path) -> None:
    line = fault(tmp_path, SMS_CODE_TTL="601")
    assert line == (
        "DENGLU_SMS_CODE_TTL=601 (from the environment): allowed: 60 … 600 s; "
        "why: ASVS 6.5.5 and NIST: ten minutes at most"
    )
    (tmp_path / "denglu.toml").write_text("sms_code_ttl = 59\n", "utf-8")
    assert fault(tmp_path).startswith("DENGLU_SMS_CODE_TTL=59 (from denglu.toml): ")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("DENGLU_SMS_CODE_TLL", "DENGLU_SMS_CODE_TTL"),
        ("denglu_wire", "DENGLU_WIRE"),
        ("DENGLU_Wire", "DENGLU_WIRE"),
        ("DENGLU_SECRETKEY_FILE", "DENGLU_SECRET_KEY_FILE"),
        ("DENGLU_DATABASE-URL", "DENGLU_DATABASE_URL"),
    ],
)
def test_a_misspelt_variable_is_a_fault_with_the_nearest_name(
    tmp_path: Path, name: str, nearest: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: "canary-value"}, tmp_path)
    assert caught.value.faults == [
        f"{name} (from the environment): there is no such setting; do you mean {nearest}?"
    ]


def test_a_misspelt_name_in_the_file_is_a_fault_too(tmp_path: Path) -> None:
    (tmp_path / "denglu.toml").write_text('DENGLU_WIRE = "rageframe"\n[sms]\nx = 1\n', "utf-8")
    found = faults(tmp_path)
    assert any("DENGLU_WIRE (from denglu.toml)" in f and "mean wire?" in f for f in found)
    assert any(f.startswith("sms (from denglu.toml)") for f in found)


def test_an_empty_variable_counts_as_not_set_and_an_empty_list_as_a_list(tmp_path: Path) -> None:
    settings = load(tmp_path, ACCESS_TTL="", SECRET_KEY="", WIRE="rageframe", CORS_ORIGINS="")
    assert settings.access_ttl == 7200
    assert settings.secret_key is None
    assert settings.cors_origins == ()


def test_no_fault_and_no_listing_shows_a_secret(tmp_path: Path) -> None:
    lines = faults(
        tmp_path,
        SECRET_KEY="canary",
        DATABASE_URL="postgresql://canary:can/ary@db/x?password=canary",
        REDIS_URL="redi://:canary@host",
    )
    assert len(lines) == 3
    assert not any("canary" in line or "can/ary" in line for line in lines)
    settings = load(tmp_path, SECRET_KEY="canary" * 8, REDIS_URL="redis://:canary@host/0")
    assert "canary" not in repr(settings)
    listing = {item.variable: item.value for item in settings.effective()}
    assert listing["DENGLU_SECRET_KEY"] == "(hidden)"
    assert listing["DENGLU_REDIS_URL"] == "redis://***@host/0"
    with pytest.raises(ValidationError) as caught:
        Settings(secret_key="canary")  # type: ignore[arg-type]
    assert "canary" not in str(caught.value)


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n", "utf-8")
    settings = load(tmp_path, SECRET_KEY_FILE="key")
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == KEY
    assert settings.source_of("secret_key") == "file key"
    (tmp_path / "denglu.toml").write_text(f'secret_key_file = "{tmp_path}/key"\n', "utf-8")
    assert load(tmp_path).secret_key == settings.secret_key


def test_a_secret_in_two_places_or_in_a_lost_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY, "utf-8")
    assert "given as well" in fault(tmp_path, SECRET_KEY=KEY, SECRET_KEY_FILE="key")
    assert "No such file" in fault(tmp_path, SECRET_KEY_FILE="lost")
    (tmp_path / "short").write_text("canary", "utf-8")
    line = fault(tmp_path, SECRET_KEY_FILE="short")
    assert "(hidden) (from file short): allowed: 32 … 1024 bytes" in line
    (tmp_path / "binary").write_bytes(b"\xff" * 40)
    assert "is no UTF-8 text" in fault(tmp_path, SECRET_KEY_FILE="binary")


def test_a_secret_key_is_measured_in_bytes(tmp_path: Path) -> None:
    assert load(tmp_path, SECRET_KEY="登" * 11).secret_key is not None
    assert "32 … 1024 bytes" in fault(tmp_path, SECRET_KEY="登" * 10)
