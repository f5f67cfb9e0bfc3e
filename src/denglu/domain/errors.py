"""The closed list of refusals. Codes, sentences and headers belong to ``api.envelope``."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

Detail: TypeAlias = "bool | int | str | Mapping[str, Detail] | Sequence[Detail] | None"
"""What a refusal may say besides its reason."""


class Reason(StrEnum):
    """Why a request is refused: the stable ``reason`` of the contract's section 3."""

    missing_field = "missing_field"
    invalid_group = "invalid_group"
    invalid_usage = "invalid_usage"
    invalid_mobile = "invalid_mobile"
    invalid_type = "invalid_type"
    too_long = "too_long"
    password_too_short = "password_too_short"
    password_too_long = "password_too_long"
    password_too_common = "password_too_common"
    password_unchanged = "password_unchanged"
    password_mismatch = "password_mismatch"
    bad_credentials = "bad_credentials"
    bad_code = "bad_code"
    wrong_password = "wrong_password"
    captcha_required = "captcha_required"
    member_not_found = "member_not_found"
    mobile_taken = "mobile_taken"
    sms_too_frequent = "sms_too_frequent"
    sms_budget = "sms_budget"
    sms_failed = "sms_failed"
    too_many_attempts = "too_many_attempts"
    busy = "busy"
    token_missing = "token_missing"
    token_invalid = "token_invalid"
    token_expired = "token_expired"
    session_replaced = "session_replaced"
    session_ended = "session_ended"
    refresh_expired = "refresh_expired"
    refresh_invalid = "refresh_invalid"
    not_found = "not_found"
    merchant_not_found = "merchant_not_found"
    merchant_plugin_missing = "merchant_plugin_missing"
    method_not_allowed = "method_not_allowed"
    malformed_body = "malformed_body"
    unsupported_media_type = "unsupported_media_type"
    body_too_large = "body_too_large"
    internal = "internal"


class Refusal(Exception):
    """An answer that says no.

    ``retry_after`` is in whole seconds (at least 1). ``fields`` maps a field's wire name to
    the reason it was refused for; the first entry is the one the message speaks of.
    ``details`` go to the wire as they are, so they may hold nothing secret.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        retry_after: int | None = None,
        fields: Mapping[str, Reason] | None = None,
        details: Mapping[str, Detail] | None = None,
    ) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.retry_after = None if retry_after is None else max(1, retry_after)
        self.fields = dict(fields or {})
        self.details = dict(details or {})
