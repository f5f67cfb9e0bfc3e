"""Receipts and metrics of a real server: what providers tell is seen, no secret is (row L01)."""

import hashlib
import hmac
import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.battery.client import fresh_mobile
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import Server, running
from tests.clouds.base import serving
from tests.clouds.sender import KEY as HTTP_KEY
from tests.clouds.sender import Receiver
from tests.clouds.settings import of_http

RECEIPT_KEY, METRICS_KEY = "receipt.canary-7291", "metrics.canary-8365"


def told(server: Server, path: str, body: Any, *, key: str = HTTP_KEY) -> httpx.Response:
    """What a sender of one's own says, signed."""
    text, stamp = json.dumps(body).encode(), str(int(time.time()))
    mac = hmac.new(key.encode(), f"{stamp}.".encode() + text, hashlib.sha256).hexdigest()
    headers = {"X-Denglu-Timestamp": stamp, "X-Denglu-Signature": f"v1={mac}"}
    return httpx.post(f"{server.url}{path}", content=text, headers=headers, trust_env=False)


def metrics_of(server: Server) -> str:
    headers = {"Authorization": f"Bearer {METRICS_KEY}"}
    return httpx.get(f"{server.url}/metrics", headers=headers, trust_env=False).text


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_L01_no_key_and_no_number_of_a_receipt_is_written_down(
    tmp_path: Path, database_for: DatabaseFor, kind: str, record: Record
) -> None:
    """Right and wrong keys, mistyped paths, garbage and faults, at level debug."""
    keys = {"sms_receipt_key": RECEIPT_KEY, "metrics_key": METRICS_KEY, "log_level": "debug"}
    mobiles = [fresh_mobile() for _ in range(3)]
    with serving(Receiver()) as receiver:
        gateway = {name.lower(): value for name, value in of_http(receiver).items()}
        with running(tmp_path, **(database_for(kind) | keys | gateway)) as server:
            for mobile in mobiles:
                asked = {"mobile": mobile, "usage": "login"}
                assert server.post("sms-code", asked).code == 200
            entries = [
                {"id": "m-1", "delivered": True, "mobile": mobiles[0]},
                {"id": "m-2", "delivered": False, "error": "absent", "mobile": mobiles[1]},
                {"id": "nobody", "delivered": False, "error": mobiles[2], "mobile": mobiles[2]},
            ]
            hook = f"/hooks/sms/http/{RECEIPT_KEY}"
            assert told(server, hook, entries).json() == {"ok": True}
            garbage = [*entries, {"mobile": mobiles[0]}]
            assert told(server, hook, garbage).status_code == 400
            assert told(server, hook, entries, key="x" * 32).status_code == 401
            for path in (f"{hook}x", f"/hooks/sms/{RECEIPT_KEY}", f"/hooks/{RECEIPT_KEY}",
                         f"//hooks//sms//http//{RECEIPT_KEY}", f"{hook}/{'x' * 3000}"):  # fmt: skip
                assert told(server, path, entries).json()["code"] in (404, 414)
            rows = server.rows(
                "SELECT provider_id, outcome, error, mobile_masked FROM sms_message ORDER BY id"
            )
            found = metrics_of(server)
            log = _without_ids(server.log)
    assert [row[:3] for row in rows] == [
        ("m-1", "delivered", ""),
        ("m-2", "undelivered", "absent"),
        ("m-3", "sent", ""),
    ]
    for outcome, count in {"delivered": 1, "undelivered": 1, "stray": 1}.items():
        sample = f'denglu_sms_receipts_total{{gateway="http",outcome="{outcome}"}} {count}.0'
        assert sample in found
    everything = "\n".join([log, found, *map(str, rows)])
    codes = [message["code"] for message in receiver.sent]
    secrets = [RECEIPT_KEY, METRICS_KEY, HTTP_KEY, *mobiles, *codes]
    hits = [
        each for each in secrets if re.search(rf"(?<![0-9]){re.escape(each)}(?![0-9])", everything)
    ]
    record("L01", tried=f"receipts on {kind}: log, rows, metrics", figure=f"{len(hits)} hits")
    assert hits == []


def _without_ids(log: str) -> str:
    """Random digits may look like a code."""
    return re.sub(r'"request_id":"[0-9a-f]{32}"|"time":"[^"]*"', "", log)
