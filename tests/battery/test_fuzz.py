"""schemathesis against the API document and the real process (row I17)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.battery.conftest import Record
from tests.battery.harness import PASSWORD, Server, running

_TREE = Path(__file__).parents[2]
_FUZZ = _TREE / "tests" / "fuzz"
_SEED = 20
# Cases for each operation where they are drawn; those that are enumerated come on top.
_DRAWN = 15
_CALLER, _NAME = "caller", "fuzzed"
# What limits answer would hide everything behind them. Addresses are given by the hooks.
_GENEROUS = {
    "trusted_proxies": "127.0.0.1",
    "sms_site_rates": "40000/1h",
    "sms_block_rates": "40000/1h",
    "sms_range_rates": "40000/1h",
    "login_account_rate": "1900/24h",
    "login_account_address_rate": "900/24h",
}
# Judge by the status line, where refusals come with 200: see tests/fuzz/api_hooks.py.
_BY_STATUS = "negative_data_rejection,positive_data_acceptance,unsupported_method,ignored_auth"


def fuzz(server: Server, tmp_path: Path, *, without: str) -> dict[str, Any]:
    """schemathesis' report of a run with all checks but those."""
    report = tmp_path / "report.json"
    words = ["--config-file", str(_FUZZ / "schemathesis.toml"), "run", f"{server.url}/openapi.json"]
    words += ["--seed", str(_SEED), "--max-examples", str(_DRAWN), "--continue-on-failure"]
    words += ["--checks", "all", "--exclude-checks", without, "--warnings", "off"]
    words += ["--report-json-path", str(report)]
    known = {"DENGLU_FUZZ_MEMBERS": f"{_CALLER} {_NAME} {PASSWORD}"}
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", *words],
        env=server.environ() | known | {"SCHEMATHESIS_HOOKS": "tests.fuzz.api_hooks"},
        cwd=_TREE,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert report.exists(), done.stdout + done.stderr
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = json.loads(report.read_text())
    return found


@pytest.mark.parametrize(
    ("wire", "http_status", "without"),
    [
        ("document", "envelope", _BY_STATUS),
        ("rageframe", "envelope", _BY_STATUS),
        ("document", "real", "code_like_a_status"),
    ],
)
def test_I17_schemathesis_finds_nothing(
    tmp_path: Path, record: Record, wire: str, http_status: str, without: str
) -> None:
    """schemathesis on the API document, all checks, a fixed seed."""
    settings = {"wire": wire, "http_status": http_status} | _GENEROUS
    with running(tmp_path, **settings) as server:
        server.add_member(_CALLER)
        server.add_member(_NAME)
        report = fuzz(server, tmp_path, without=without)
        troubles = server.troubles()
    cases, tested = report["test_cases"], report["operations"]["tested"]
    assert (cases["unique_failures"], cases["errored"], troubles) == (0, 0, [])
    assert tested == report["operations"]["total"] >= 11
    tried = f"schemathesis, all checks, seed {_SEED}: both profiles, and real statuses"
    figure = f"{wire}, {http_status}: {cases['generated']} requests to {tested} operations"
    record("I17", tried=tried, figure=f"{figure}, nothing found")
