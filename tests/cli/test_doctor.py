"""``denglu doctor``: what is wrong, and what to do about it."""

import contextlib
import json
import os
import time
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import apsw
import pytest

from denglu.doctor import file as doctor_file
from denglu.doctor import gateways as doctor_gateways
from denglu.doctor import machine as doctor_machine
from denglu.doctor.examine import examine
from denglu.doctor.finding import Finding, Level
from denglu.settings import Settings
from tests.cli.desk import Desk


def settings_of(desk: Desk, **more: Any) -> Settings:
    """Settings for a desk's file."""
    return Settings(database_url=f"sqlite:///{desk.database}", **more)


def found(findings: list[Finding], level: Level, text: str) -> Finding:
    """The one finding of a level that holds a text."""
    fitting = [each for each in findings if each.level is level and text in each.message]
    assert len(fitting) == 1, findings
    return fitting[0]


def faults(findings: list[Finding]) -> list[Finding]:
    """The faults."""
    return [each for each in findings if each.level is Level.fault]


def test_a_sound_deployment_is_told_to_be_sound(desk: Desk) -> None:
    said = desk.ok("doctor", wire="rageframe")
    assert "DENGLU_WIRE=rageframe  (the environment)" in said
    assert "DENGLU_SMS_CODE_LENGTH=4  (default of the rageframe profile)" in said
    assert "0 faults, 2 warnings" in said
    assert "outside what SECURITY.md claims" in said
    assert sorted(path.name for path in desk.folder.iterdir()) == ["denglu.db", "denglu.db.key"]


def test_the_keys_of_the_report_are_stable(desk: Desk) -> None:
    report = desk.json("doctor", secret_key="s" * 32)
    assert list(report) == ["ok", "settings", "findings"]
    assert report["ok"] is True
    assert list(report["settings"][0]) == ["variable", "value", "source"]
    assert list(report["findings"][0]) == ["area", "level", "message", "advice"]
    areas = ["settings", "secret key", "database", "clock", "proxy", "gateways", "files"]
    assert list(dict.fromkeys(each["area"] for each in report["findings"])) == areas
    hidden = [e for e in report["settings"] if e["variable"] == "DENGLU_SECRET_KEY"]
    assert hidden == [
        {"variable": "DENGLU_SECRET_KEY", "value": "(hidden)", "source": "the environment"}
    ]


def test_a_fault_ends_with_a_line_and_an_exit_code(desk: Desk) -> None:
    desk.database.chmod(0o644)
    done = desk.run("doctor")
    assert done.returncode == 1
    assert done.stderr == "denglu: 1 fault to be put right\n"
    assert f"-> chmod 600 {desk.database}" in done.stdout
    assert json.loads(desk.run("doctor", "--json").stdout)["ok"] is False


def test_settings_that_cannot_be_used_are_all_told(bare: Desk) -> None:
    done = bare.run("doctor", "--json", sms_code_ttl="1", wire="yii")
    assert done.returncode == 2
    report = json.loads(done.stdout)
    assert report["ok"] is False
    assert len(report["findings"]) == 2
    assert bare.run("doctor", sms_code_ttl="1").returncode == 2


def test_a_server_for_others_is_judged_as_such(desk: Desk) -> None:
    findings = examine(settings_of(desk), "0.0.0.0")
    found(findings, Level.fault, "DENGLU_SECRET_KEY: not set")
    found(findings, Level.fault, "DENGLU_SMS_GATEWAYS=console")
    assert faults(examine(settings_of(desk), "127.0.0.1")) == []


def test_an_empty_folder_is_no_fault(bare: Desk) -> None:
    findings = examine(settings_of(bare), "127.0.0.1")
    assert faults(findings) == []
    found(findings, Level.note, "is not made yet")
    found(findings, Level.note, "the first server on loopback makes")
    assert list(bare.folder.iterdir()) == []


def test_a_running_server_is_named(desk: Desk) -> None:
    found(examine(settings_of(desk), "127.0.0.1"), Level.note, "no server is running")
    with desk.serving() as server:
        findings = examine(settings_of(desk), "127.0.0.1")
        found(findings, Level.ok, f"served by process {server.process.pid}")
        assert server.stop() == 0


def test_a_key_that_is_lost_or_open_is_told(desk: Desk) -> None:
    key = desk.folder / "denglu.db.key"
    key.chmod(0o640)
    assert "chmod 600" in found(faults_of(desk), Level.fault, "mode 640").message
    key.unlink()
    found(examine(settings_of(desk), "127.0.0.1"), Level.note, "makes")
    with contextlib.closing(apsw.Connection(str(desk.database))) as db:
        columns = "member_id, client_group, nonce, access_expires_at, refresh_expires_at"
        db.execute(
            f"insert into session ({columns}, absolute_expires_at, created_at, rotated_at)"
            " values (1, 'pc', x'00', 0, 0, 0, 0, 0)"
        )
    found(examine(settings_of(desk), "127.0.0.1"), Level.warning, "there are sessions, and no")


def faults_of(desk: Desk) -> list[Finding]:
    """The faults that a desk has."""
    return faults(examine(settings_of(desk), "127.0.0.1"))


def test_a_file_that_is_damaged_foreign_old_or_locked_is_told(desk: Desk) -> None:
    sound = desk.database.read_bytes()
    with contextlib.closing(apsw.Connection(str(desk.database))) as db:
        db.execute("update alembic_version set version_num = '0000'")
        found(faults_of(desk), Level.fault, "older than this denglu")
        db.execute("update alembic_version set version_num = '9999'")
        found(faults_of(desk), Level.fault, "newer version")
    desk.database.write_bytes(sound[:8192] + b"\xa5" * 32768 + sound[40960:])
    found(faults_of(desk), Level.fault, "is damaged")
    desk.database.write_bytes(b"no database " * 999)
    found(faults_of(desk), Level.fault, "is no SQLite file")


def test_a_locked_file_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("denglu.store.file.BUSY_MILLISECONDS", 50)
    with contextlib.closing(apsw.Connection(str(desk.database))) as db:
        db.execute("begin immediate")
        found(faults_of(desk), Level.fault, "is locked by another program")


def test_a_full_disk_and_a_network_disk_are_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=50 << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    found(faults_of(desk), Level.fault, "50 MiB are free")
    usage.free = 500 << 20
    found(examine(settings_of(desk), "127.0.0.1"), Level.warning, "500 MiB are free")
    monkeypatch.setattr(doctor_file, "_file_system", lambda _: "nfs4")
    found(faults_of(desk), Level.fault, "network file system (nfs4)")


def test_a_clock_that_is_wrong_or_went_back_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = desk.folder / "clock"
    file.write_text("0")
    settings = settings_of(desk, test_clock_file=file)
    findings = list(doctor_machine.examine_clock(settings))
    found(findings, Level.warning, "DENGLU_TEST_CLOCK_FILE moves the clock by 0 s")
    with contextlib.closing(apsw.Connection(str(desk.database))) as db:
        now = int(time.time())
        db.execute("insert into audit_event (event, at) values ('login', ?)", (now + 3600,))
    findings = list(doctor_machine.examine_clock(settings))
    found(findings, Level.fault, "the clock has gone back")
    file.write_text("4000")
    assert faults(list(doctor_machine.examine_clock(settings))) == []
    file.write_text(str(-10 * 365 * 86400))
    found(list(doctor_machine.examine_clock(settings)), Level.fault, "the clock says")
    monkeypatch.setattr(doctor_machine, "_disk_ahead", lambda _: 3600.0)
    file.write_text("4000")
    found(list(doctor_machine.examine_clock(settings)), Level.warning, "+3600 s off")


def test_clients_that_seem_to_share_an_address_are_told(desk: Desk) -> None:
    settings = settings_of(desk)
    [note] = doctor_machine.examine_proxy(settings, "127.0.0.1")
    assert (note.level, "DENGLU_TRUSTED_PROXIES=127.0.0.1" in note.advice) == (Level.note, True)
    with contextlib.closing(apsw.Connection(str(desk.database))) as db:
        add = "insert into audit_event (event, at, ip) values ('login', 1, ?)"
        for _ in range(49):
            db.execute(add, ("10.0.0.7",))
        assert len(list(doctor_machine.examine_proxy(settings, "0.0.0.0"))) == 1
        for _ in range(3):
            db.execute(add, ("10.0.0.7",))
        shared = list(doctor_machine.examine_proxy(settings, "0.0.0.0"))
        found(shared, Level.warning, "52 of the last 52 events came from 10.0.0.7")
        for number in range(10):
            db.execute(add, (f"203.0.113.{number}",))
        assert len(list(doctor_machine.examine_proxy(settings, "0.0.0.0"))) == 1
    trusting = settings_of(desk, trusted_proxies=(ip_network("10.0.0.0/8"),))
    [believed] = doctor_machine.examine_proxy(trusting, "0.0.0.0")
    assert "believed from 10.0.0.0/8" in believed.message


def test_an_outbox_that_cannot_be_used_or_is_open_is_told(desk: Desk) -> None:
    def judged(path: str) -> Finding:
        settings = settings_of(desk, sms_gateways=("outbox",), sms_outbox=desk.folder / path)
        [finding] = doctor_gateways.examine_gateways(settings)
        return finding

    assert judged("codes").level is Level.ok
    assert judged("nowhere/codes").level is Level.fault
    (desk.folder / "codes").touch(mode=0o600)
    assert judged("codes").level is Level.ok
    (desk.folder / "codes").chmod(0o644)
    assert "others can read every code" in judged("codes").message
    (desk.folder / "codes").unlink()
    (desk.folder / "codes").mkdir()
    assert judged("codes").level is Level.fault


def test_too_few_files_for_the_connections_are_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 1024))
    [finding] = doctor_machine.examine_files(settings_of(desk))
    assert "a process may open 1024 files" in finding.message
    [finding] = doctor_machine.examine_files(settings_of(desk, max_connections=100))
    assert finding.level is Level.ok


def test_a_large_wal_is_told(desk: Desk) -> None:
    desk.database.with_name("denglu.db-wal").touch(mode=0o600)
    os.truncate(desk.database.with_name("denglu.db-wal"), 65 << 20)
    assert any("-wal has 65 MiB" in each.message for each in doctor_file._files(desk.database))
