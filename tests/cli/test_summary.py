"""What a server says on the terminal when it is ready."""

from pathlib import Path

from denglu.cli.summary import summary
from tests.settings_loading import load


def test_the_ways_of_a_code_are_told_in_their_order(tmp_path: Path) -> None:
    http = {"SMS_HTTP_URL": "https://sms.example/send", "SMS_HTTP_KEY": "k" * 40}
    outbox = {"SMS_OUTBOX": str(tmp_path / "outbox")}
    settings = load(tmp_path, SMS_GATEWAYS="http,outbox,console", **http, **outbox)
    [line] = [line for line in summary(settings, "127.0.0.1", 8000) if "SMS codes" in line]
    assert line == (
        f"  SMS codes  are sent through http, else written to {tmp_path}/outbox, "
        "else appear here, on standard output"
    )
