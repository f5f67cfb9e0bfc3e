"""Geetest, version 4: one HTTPS request, signed with the captcha's key."""

import hashlib
import hmac
import json
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Annotated
from urllib.error import HTTPError
from urllib.parse import urlencode

from pydantic import BaseModel, StringConstraints, ValidationError

from denglu.captcha.asked import SECONDS, Unanswered, Verdict
from denglu.domain.errors import Detail

ENDPOINT = "https://gcaptcha4.geetest.com"
_LARGEST_ANSWER = 65536

Part = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class _Token(BaseModel):
    """What ``getValidate()`` gives a web page, as JSON."""

    lot_number: Part
    captcha_output: Part
    pass_token: Part
    # Anything else is answered like a fault of ours.
    gen_time: Annotated[str, StringConstraints(pattern="^[0-9]{1,20}$")]


class Geetest:
    """Fulfils ``asked.Service``."""

    def __init__(self, captcha_id: str, key: str, endpoint: str = ENDPOINT) -> None:
        self.shown: Mapping[str, Detail] = {"kind": "geetest", "captcha_id": captcha_id}
        self._url = f"{endpoint}/validate?{urlencode({'captcha_id': captcha_id})}"
        self._key = key.encode()

    def judge(self, token: str, ip: str) -> Verdict:
        """See ``Service``."""
        try:
            given = _Token.model_validate_json(token)
        except ValidationError:
            return Verdict()
        signature = hmac.new(self._key, given.lot_number.encode(), hashlib.sha256).hexdigest()
        try:
            answer = self._ask({**given.model_dump(), "sign_token": signature})
        except HTTPError as error:
            with error:
                if error.code >= 500 or error.code == 429:
                    raise Unanswered(f"HTTP {error.code}") from None
                return Verdict(fault=f"Geetest answers HTTP {error.code}")
        if answer.get("status") == "error":
            return Verdict(fault=f"Geetest says {answer.get('code')}")
        result = answer.get("result")
        if result not in ("success", "fail"):
            raise Unanswered("no result")
        return Verdict(given.lot_number if result == "success" else "")

    def _ask(self, fields: Mapping[str, str]) -> Mapping[str, object]:
        try:
            # Which scheme it is, was checked at start.
            with urllib.request.urlopen(  # noqa: S310
                self._url, urlencode(fields).encode(), timeout=SECONDS
            ) as answered:
                answer = json.loads(answered.read(_LARGEST_ANSWER))
        except HTTPError:
            raise
        except (OSError, HTTPException, ValueError) as error:
            raise Unanswered(type(error).__name__) from None
        if not isinstance(answer, dict):
            raise Unanswered("no JSON object")
        return answer
