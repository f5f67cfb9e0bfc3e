#!/usr/bin/env python3
"""Log in where the server may ask for a proof of work (DENGLU_CAPTCHA=pow).

    python examples/captcha_login.py http://127.0.0.1:8000 demo < password.txt

Needs nothing but Python. `solve` is all there is to the captcha: other languages need an
SHA-256 and a loop.
"""

import base64
import hashlib
import json
import sys
import urllib.request
from itertools import count
from typing import Any


def solve(challenge: dict[str, Any]) -> str:
    """The captcha_token for `data.captcha.challenge`: found by trying 0, 1, 2 and so on."""
    parameters = challenge["parameters"]
    start = hashlib.sha256(bytes.fromhex(parameters["salt"]) + bytes.fromhex(parameters["nonce"]))
    wanted = bytes.fromhex(parameters["keyPrefix"])
    for counter in count():
        tried = start.copy()
        tried.update(counter.to_bytes(4, "big"))
        if tried.digest().startswith(wanted):
            break
    solution = {"counter": counter, "derivedKey": tried.hexdigest()}
    whole = json.dumps({"challenge": challenge, "solution": solution})
    return base64.b64encode(whole.encode()).decode()


def post(url: str, body: dict[str, str]) -> dict[str, Any]:
    """The envelope that the server answers with."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        envelope: dict[str, Any] = json.load(answer)
    return envelope


def log_in(base: str, username: str, password: str) -> dict[str, Any]:
    """Log in, with a proof of work if there is to be one; returns the envelope."""
    body = {"username": username, "password": password, "group": "pc"}
    answer = post(f"{base}/v1/site/login", body)
    if answer["code"] == 422 and answer["data"].get("reason") == "captcha_required":
        captcha = answer["data"]["captcha"]
        if captcha["kind"] == "pow":
            body["captcha_token"] = solve(captcha["challenge"])
            answer = post(f"{base}/v1/site/login", body)
    return answer


if __name__ == "__main__":
    found = log_in(sys.argv[1], sys.argv[2], sys.stdin.readline().rstrip("\n"))
    print(json.dumps(found, ensure_ascii=False, indent=2))
    sys.exit(found["code"] != 200)
