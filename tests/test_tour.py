"""The README's tour, walked with curl against the real process."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.battery.harness import Server, running

TOUR = Path(__file__).parents[1] / "examples" / "tour.sh"
DEMO = {"DEMO_NAME": "demo", "DEMO_MOBILE": "13800000000", "DEMO_PASSWORD": "denglu-demo-2026"}


def walk(server: Server, **changed: str) -> "subprocess.CompletedProcess[str]":
    """Run the tour; it reads codes from the outbox and moves the clock instead of waiting."""
    files = {"OUTBOX": str(server.folder / "outbox"), "CLOCK": str(server.folder / "clock")}
    return subprocess.run(
        ["bash", str(TOUR), server.url],
        env={"PATH": os.environ["PATH"], "NEW_MOBILE": "13912345678"} | DEMO | files | changed,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour is made of curl calls")
def test_the_tour_walks_a_whole_life(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.add_member(DEMO["DEMO_NAME"], DEMO["DEMO_MOBILE"], DEMO["DEMO_PASSWORD"])
        walked = walk(server)
        assert walked.returncode == 0, walked.stdout + walked.stderr
        assert walked.stdout.rstrip().endswith("That was a whole life.")
        # It stops where an answer is not what it says, and does not walk on.
        wrong = walk(server, DEMO_PASSWORD="not this one")
        assert wrong.returncode == 1
        assert "expected" in wrong.stderr
