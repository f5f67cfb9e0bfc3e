"""`GET /metrics` of real servers: one process, and several as one."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.cli.desk import Desk, Serving
from tests.cli.test_workers import each_crew, is_gone, serving, until, workers_of

__all__ = ["each_crew"]

KEY = "metrics.canary-1234"


def counted(server: Serving, *, key: str = KEY) -> dict[str, float]:
    """What a Prometheus reads, on a connection of its own: so any worker may be asked."""
    headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
    url = f"http://127.0.0.1:{server.port}/metrics"
    answer = httpx.get(url, headers=headers, trust_env=False, timeout=20)
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def refused_logins(found: dict[str, float]) -> float:
    name = 'denglu_requests_total{code="422",operation="login",reason="missing_field"}'
    return found.get(name, 0)


def test_one_process_counts_what_it_answers(desk: Desk) -> None:
    limits = {"sms_budget_messages": "day=4", "sms_budget": "month=1", "sms_prices": "outbox=0.05"}
    outbox = {"sms_gateways": "outbox", "sms_outbox": str(desk.folder / "outbox")}
    with desk.serving(metrics_key=KEY, **limits, **outbox) as server:
        server.call("/v1/site/sms-code", {"mobile": "13800000000", "usage": "login"})
        for _ in range(3):
            server.call("/v1/site/login", {})
        found = counted(server)
        assert refused_logins(found) == 3
        assert found['denglu_sms_messages_total{gateway="outbox",outcome="sent"}'] == 1
        assert found['denglu_sms_cost_total{gateway="outbox"}'] == 0.05
        assert found['denglu_sms_circuit_open{gateway="outbox"}'] == 0
        assert found['denglu_sms_budget_used_ratio{period="day",unit="messages"}'] == 0.25
        assert found['denglu_sms_budget_used_ratio{period="month",unit="money"}'] == 0.05
        assert server.stop() == 0
        log = server.errors.read_text()
    assert '"path":"/metrics"' in log
    assert KEY not in log


def test_a_folder_that_the_environment_names_is_nobody_s_here(desk: Desk, tmp_path: Path) -> None:
    """It may be missing, another program's, or full of what an earlier process counted."""
    (tmp_path / "other").mkdir()
    for folder in (tmp_path / "other", tmp_path / "missing"):
        desk.settings["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        with desk.serving(metrics_key=KEY) as server:
            server.call("/v1/site/login", {})
            assert refused_logins(counted(server)) == 1
            assert server.stop() == 0
            assert "Exception" not in server.errors.read_text()
    assert list((tmp_path / "other").iterdir()) == []


def test_workers_count_together_and_a_dead_one_is_not_forgotten(each_crew: Desk) -> None:
    """Whichever worker is asked, the sum is that of all, also of one that was killed."""
    outbox = {"sms_gateways": "outbox", "sms_outbox": str(each_crew.folder / "outbox")}
    with serving(each_crew, metrics_key=KEY, **outbox) as server:
        for number in range(5):
            asked = {"mobile": f"1380000000{number}", "usage": "login"}
            assert server.call("/v1/site/sms-code", asked).code == 200
            for _ in range(8):
                server.call("/v1/site/login", {})
        folder = folder_of(server)
        assert {refused_logins(counted(server)) for _ in range(12)} == {40}
        victim = next(pid for pid in workers_of(server) if circuits_of(folder, pid).exists())
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(workers_of(server)) == 4 and victim not in workers_of(server))
        until(lambda: not circuits_of(folder, victim).exists())
        for _ in range(12):
            found = counted(server)
            assert refused_logins(found) == 40
            assert found['denglu_sms_messages_total{gateway="outbox",outcome="sent"}'] == 5
        assert server.stop() == 0
    until(lambda: is_gone(server.process.pid))
    assert not folder.exists()


def folder_of(server: Serving) -> Path:
    """Where the workers of a server count together: what they have mapped of it."""
    maps = [Path(f"/proc/{pid}/maps").read_text() for pid in workers_of(server)]
    found = re.search(r"(/\S*/denglu-metrics-\w+)/", "".join(maps))
    assert found is not None
    return Path(found[1])


def circuits_of(folder: Path, pid: int) -> Path:
    """What a worker says of its circuits."""
    return folder / f"gauge_livemax_{pid}.db"


@pytest.mark.parametrize("set_", [True, False])
def test_a_library_that_is_not_installed_is_named_where_it_is_needed(
    desk: Desk, set_: bool
) -> None:
    hidden = desk.folder / "hidden"
    hidden.mkdir()
    (hidden / "prometheus_client.py").write_text(
        "raise ModuleNotFoundError('there is none', name='prometheus_client')\n"
    )
    environ = desk.environ({"metrics_key": KEY} if set_ else {})
    environ["PYTHONPATH"] = f"{hidden}:{environ['PYTHONPATH']}"
    if not set_:
        desk.settings["PYTHONPATH"] = environ["PYTHONPATH"]
        with desk.serving() as server:
            assert server.stop() == 0
        return
    desk.settings["PYTHONPATH"] = environ["PYTHONPATH"]
    doctor = desk.run("doctor", metrics_key=KEY)
    assert doctor.returncode == 1
    assert "the library of the metrics is not installed (prometheus_client)" in doctor.stdout
    assert "-> pip install 'denglu[metrics]'" in doctor.stdout
    done = subprocess.run(
        [sys.executable, "-m", "denglu", "serve", "--port", "0"],
        cwd=desk.folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        "denglu: the library for metrics is not installed (prometheus_client): "
        "pip install 'denglu[metrics]'"
    )
