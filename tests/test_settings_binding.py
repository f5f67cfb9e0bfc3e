"""What a server may do only where nobody else can reach it, and the key it makes for itself."""

import os
import stat
import threading
from pathlib import Path

import pytest

from denglu.settings import (
    Settings,
    SettingsError,
    check_binding,
    ensure_secret_key,
    is_loopback,
    load_settings,
    warnings,
)
from tests.settings_loading import load

KEY = "k" * 32


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_loopback_is_known_in_every_spelling(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example", "127.0.0.1.example", "host"]
)
def test_everything_else_can_be_reached_by_others(host: str) -> None:
    assert not is_loopback(host)


def test_a_server_on_loopback_may_do_everything(tmp_path: Path) -> None:
    settings = load(
        tmp_path, SMS_GATEWAYS="console,outbox", SMS_OUTBOX="box", TEST_CLOCK_FILE="clock"
    )
    assert check_binding(settings, "127.0.0.1") == []


def test_S17_codes_in_clear_are_refused_outside_loopback(tmp_path: Path) -> None:
    for gateways in ("console", "outbox", "outbox,console"):
        settings = load(tmp_path, SECRET_KEY=KEY, SMS_GATEWAYS=gateways, SMS_OUTBOX="box")
        (line,) = check_binding(settings, "0.0.0.0")
        assert line.startswith(f"DENGLU_SMS_GATEWAYS={gateways}: ")
        assert "DENGLU_SMS_CLEARTEXT=accept" in line
        accepted = load(
            tmp_path,
            SECRET_KEY=KEY,
            SMS_GATEWAYS=gateways,
            SMS_OUTBOX="box",
            SMS_CLEARTEXT="accept",
        )
        assert check_binding(accepted, "0.0.0.0") == []


def test_a_server_that_others_reach_needs_a_key_of_its_operator(tmp_path: Path) -> None:
    (line,) = check_binding(load(tmp_path, SMS_CLEARTEXT="accept"), "0.0.0.0")
    assert line.startswith("DENGLU_SECRET_KEY: not set")
    assert "DENGLU_SECRET_KEY_FILE" in line
    assert str(tmp_path) not in line
    settings = load(tmp_path, SMS_CLEARTEXT="accept")
    ensure_secret_key(settings)
    (line,) = check_binding(settings, "0.0.0.0")
    assert str(tmp_path / "denglu.db.key") in line


@pytest.mark.parametrize("url", ["postgresql://db/shop", "mysql://db/shop"])
def test_processes_on_a_network_database_need_a_common_key(tmp_path: Path, url: str) -> None:
    settings = load(tmp_path, DATABASE_URL=url, SMS_CLEARTEXT="accept")
    for host in ("127.0.0.1", "0.0.0.0"):
        (line,) = check_binding(settings, host)
        assert line.startswith("DENGLU_SECRET_KEY: not set")
        assert "DENGLU_SECRET_KEY_FILE" in line
    with pytest.raises(SettingsError) as caught:
        ensure_secret_key(settings)
    assert caught.value.faults == [line]
    set_ = load(tmp_path, DATABASE_URL=url, SMS_CLEARTEXT="accept", SECRET_KEY=KEY)
    assert check_binding(set_, "127.0.0.1") == check_binding(set_, "0.0.0.0") == []
    assert ensure_secret_key(set_) == KEY.encode()
    assert list(tmp_path.iterdir()) == []


def test_the_test_clock_is_refused_outside_loopback(tmp_path: Path) -> None:
    settings = load(tmp_path, SECRET_KEY=KEY, SMS_CLEARTEXT="accept", TEST_CLOCK_FILE="clock")
    (line,) = check_binding(settings, "10.0.0.1")
    assert line.startswith("DENGLU_TEST_CLOCK_FILE=")


def test_every_fault_of_a_binding_is_told_at_once(tmp_path: Path) -> None:
    settings = load(tmp_path, TEST_CLOCK_FILE="clock")
    assert len(check_binding(settings, "")) == 3


def test_an_operator_is_warned_of_what_is_allowed_but_weak(tmp_path: Path) -> None:
    assert warnings(load(tmp_path)) == []
    told = warnings(
        load(
            tmp_path,
            WIRE="rageframe",
            REDIS_URL="redis://localhost",
            SMS_CLEARTEXT="accept",
            SMS_OUTBOX="box",
            SMS_DRY_RUN="true",
        )
    )
    assert [line.partition(":")[0].partition("=")[0] for line in told] == [
        "DENGLU_SMS_DRY_RUN",
        "DENGLU_SMS_CODE_LENGTH",
        "DENGLU_REDIS_URL",
        "DENGLU_SMS_CLEARTEXT",
        "DENGLU_SMS_OUTBOX",
    ]
    (line,) = warnings(load(tmp_path, GROUP_ALIASES="web:h5"))
    assert "only in the rageframe profile" in line


def test_the_key_that_was_set_is_the_key(tmp_path: Path) -> None:
    assert ensure_secret_key(load(tmp_path, SECRET_KEY=KEY)) == KEY.encode()
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_made_once_and_kept_beside_the_database(tmp_path: Path) -> None:
    settings = load(tmp_path)
    key = ensure_secret_key(settings)
    assert len(key) >= 32
    assert ensure_secret_key(load(tmp_path)) == key
    assert [path.name for path in tmp_path.iterdir()] == ["denglu.db.key"]
    assert stat.S_IMODE((tmp_path / "denglu.db.key").stat().st_mode) == 0o600


def test_the_key_keeps_its_mode_under_a_loose_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ensure_secret_key(load(tmp_path))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "denglu.db.key").stat().st_mode) == 0o600


def test_a_kept_key_can_be_named_in_production_and_nobody_is_logged_out(tmp_path: Path) -> None:
    key = ensure_secret_key(load(tmp_path))
    assert ensure_secret_key(load(tmp_path, SECRET_KEY_FILE="denglu.db.key")) == key


def test_two_databases_have_two_keys(tmp_path: Path) -> None:
    first = ensure_secret_key(load(tmp_path))
    assert ensure_secret_key(load(tmp_path, DATABASE_URL="sqlite:///other.db")) != first


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    for round_ in range(20):
        settings = load(tmp_path, DATABASE_URL=f"sqlite:///{round_}.db")
        keys = _at_once(settings, rivals=8)
        assert len(set(keys)) == 1
        assert len(keys) == 8
    assert len(list(tmp_path.iterdir())) == 20


def _at_once(settings: Settings, rivals: int) -> list[bytes]:
    barrier = threading.Barrier(rivals)
    keys: list[bytes] = []

    def start() -> None:
        barrier.wait()
        keys.append(ensure_secret_key(settings))

    threads = [threading.Thread(target=start) for _ in range(rivals)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return keys


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o700, 0o660])
def test_a_key_that_others_could_read_is_refused(tmp_path: Path, mode: int) -> None:
    settings = load(tmp_path)
    ensure_secret_key(settings)
    settings.key_path.chmod(mode)
    with pytest.raises(SettingsError, match=f"mode {mode:03o}.*chmod 600"):
        ensure_secret_key(settings)


def test_a_key_file_without_a_key_is_refused(tmp_path: Path) -> None:
    settings = load(tmp_path)
    settings.key_path.touch(0o600)
    with pytest.raises(SettingsError, match="holds 0 bytes"):
        ensure_secret_key(settings)


def test_a_place_where_no_key_can_be_kept_is_told_in_one_line() -> None:
    settings = load_settings({"DENGLU_DATABASE_URL": "sqlite:////nonexistent/a.db"}, Path("/tmp"))
    with pytest.raises(SettingsError) as caught:
        ensure_secret_key(settings)
    (line,) = caught.value.faults
    assert line.startswith("/nonexistent/a.db.key: ")
    assert "DENGLU_SECRET_KEY" in line
