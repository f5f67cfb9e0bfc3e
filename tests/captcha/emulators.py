"""Captcha services on loopback, as strict as the real ones about who asks.

Each checks the signature of every request by its service's own published rule, written down
here once more: what our side signs wrongly is refused here.
"""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

ACCESS = ("AKIDexample", "secret-of-the-access-key")
APP_KEY = "key-of-the-captcha-itself"


class Service:
    """What every emulator has: how it is to answer, and what it was asked."""

    def __init__(self) -> None:
        self.passes: set[str] = set()
        self.mode = "answers"
        self.asked: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.woken = threading.Event()
        self.gave_up = False
        self.patience = 60
        self.waiting = threading.Semaphore(0)
        self.url = ""

    def answer(self, request: "_Request") -> tuple[int, Any]:
        """Status and body of one request."""
        raise NotImplementedError

    def unlike(self, why: str) -> None:
        """A request was not signed as it should be."""
        self.refused.append(why)


class _Request(BaseHTTPRequestHandler):
    service: Service
    protocol_version = "HTTP/1.1"
    body = b""

    def do_POST(self) -> None:
        service = self.service
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if service.mode == "silent":
            service.waiting.release()
            service.gave_up |= not service.woken.wait(service.patience)
            self.close_connection = True
            return
        if service.mode in ("hangs up", "babbles"):
            self.wfile.write(b"no such thing as HTTP\r\n" if service.mode == "babbles" else b"")
            self.close_connection = True
            return
        status, answer = service.answer(self)
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        if service.mode == "garbage":
            status, raw = 200, b"<html>maintenance</html>"
        if service.mode == "list":
            status, raw = 200, b"[1, 2]"
        if service.mode == "empty":
            status, raw = 200, b"{}"
        if service.mode == "broken":
            status, raw = 500, b'{"Code": "InternalError"}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_HEAD(self) -> None:
        self.send_error(405)

    def log_message(self, *arguments: object) -> None:
        """Quietly."""


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """The service, listening on loopback."""
    handler = type("Handler", (_Request,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        service.woken.set()
        server.shutdown()
        thread.join()
        server.server_close()


class GeetestService(Service):
    """``POST /validate?captcha_id=…``: a form, with an HMAC of the lot number."""

    def answer(self, request: _Request) -> tuple[int, Any]:
        """See ``Service``."""
        where = urlsplit(request.path)
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        form |= {name: values[0] for name, values in parse_qs(where.query).items()}
        self.asked.append(form)
        lot = form.get("lot_number", "")
        right = hmac.new(APP_KEY.encode(), lot.encode(), hashlib.sha256).hexdigest()
        if where.path != "/validate" or form.get("captcha_id") != "c0ffee":
            self.unlike("who is this?")
            return 200, {"status": "error", "code": "-50101", "msg": "captcha_id error"}
        if form.get("sign_token") != right:
            self.unlike("sign_token")
            return 200, {"status": "error", "code": "-50006", "msg": "sign error"}
        if lot in self.passes:
            self.passes.remove(lot)
            return 200, {"status": "success", "result": "success", "reason": ""}
        return 200, {"status": "success", "result": "fail", "reason": "pass_token expire"}


class TencentService(Service):
    """TC3-HMAC-SHA256 over a JSON body."""

    code = 0
    evil = 0
    error = ""

    def answer(self, request: _Request) -> tuple[int, Any]:
        """See ``Service``."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = json.loads(request.body) | {"action": headers["x-tc-action"]}
        self.asked.append(asked)
        if why := self._unsigned(headers, request.body):
            self.unlike(why)
            return 200, self._error("AuthFailure.SignatureFailure")
        if self.error:
            return 200, self._error(self.error)
        code = 1 if asked["Ticket"] in self.passes else 8
        if asked["AppSecretKey"] != APP_KEY or asked["CaptchaAppId"] != 2012345678:
            code = 100
        self.passes.discard(asked["Ticket"])
        said = {"CaptchaCode": self.code or code, "CaptchaMsg": "", "RequestId": "r"}
        if asked["action"] == "DescribeCaptchaResult":
            said |= {"EvilLevel": self.evil}
        return 200, {"Response": said}

    def _error(self, code: str) -> Any:
        return {"Response": {"Error": {"Code": code, "Message": "no"}, "RequestId": "r"}}

    def _unsigned(self, headers: dict[str, str], body: bytes) -> str:
        kind, _, rest = headers["authorization"].partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        stamp = headers["x-tc-timestamp"]
        day = time.strftime("%Y-%m-%d", time.gmtime(int(stamp)))
        signed = "".join(f"{name}:{headers[name]}\n" for name in parts["SignedHeaders"].split(";"))
        canonical = "\n".join(
            ["POST", "/", "", signed, parts["SignedHeaders"], hashlib.sha256(body).hexdigest()]
        )
        scope = f"{day}/captcha/tc3_request"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"TC3{ACCESS[1]}".encode()
        for step in (day, "captcha", "tc3_request"):
            key = hmac.digest(key, step.encode(), "sha256")
        text = f"TC3-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}"
        right = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        if kind != "TC3-HMAC-SHA256" or abs(int(stamp) - time.time()) > 300:
            return "kind or time"
        if parts["Credential"] != f"{ACCESS[0]}/{scope}":
            return "credential"
        return "" if parts["Signature"] == right else "signature"


class AliyunService(Service):
    """ACS3-HMAC-SHA256 over a form."""

    error = (0, "")

    def answer(self, request: _Request) -> tuple[int, Any]:
        """See ``Service``."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        self.asked.append(form | {"action": headers["x-acs-action"]})
        if why := self._unsigned(headers, request):
            self.unlike(why)
            return 400, self._error("SignatureDoesNotMatch")
        status, code = self.error
        if status:
            return status, self._error(code)
        param = form["CaptchaVerifyParam"]
        passed = param in self.passes and form["SceneId"] == "scene-1"
        self.passes.discard(param)
        result = {
            "VerifyResult": passed,
            "VerifyCode": "T001" if passed else "F005",
            "CertifyId": f"certify-{param[:8]}",
        }
        return 200, {"Code": "Success", "Success": True, "RequestId": "r", "Result": result}

    def _error(self, code: str) -> Any:
        return {"Code": code, "Message": "no", "RequestId": "r"}

    def _unsigned(self, headers: dict[str, str], request: _Request) -> str:
        kind, _, rest = headers["authorization"].partition(" ")
        parts = dict(part.split("=", 1) for part in rest.split(","))
        where = urlsplit(request.path)
        query = "&".join(
            f"{quote(name, safe='~')}={quote(value[0], safe='~')}"
            for name, value in sorted(parse_qs(where.query).items())
        )
        body = hashlib.sha256(request.body).hexdigest()
        names = parts["SignedHeaders"]
        signed = "".join(f"{name}:{headers[name].strip()}\n" for name in names.split(";"))
        canonical = "\n".join(["POST", where.path, query, signed, names, body])
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"ACS3-HMAC-SHA256\n{hashed}"
        right = hmac.new(ACCESS[1].encode(), text.encode(), hashlib.sha256).hexdigest()
        if kind != "ACS3-HMAC-SHA256" or parts["Credential"] != ACCESS[0]:
            return "kind or credential"
        if headers["x-acs-content-sha256"] != body:
            return "body"
        if "x-acs-content-sha256" not in names or "x-acs-date" not in names:
            return "too little is signed"
        return "" if parts["Signature"] == right else "signature"
