"""The two wire profiles, as data: everything in which their answers and readings differ.

Only `envelope`, `member_view` and `forms` look at these; no flow knows which profile runs.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wire:
    """One profile. `empty_…` are the JSON texts for "nothing to return"."""

    name: str
    stamped: bool  # a `timestamp` in every envelope, a `req_id` on errors
    named_errors: bool  # error data in the form {name, message, code, status, reason}
    empty: bytes
    empty_logout: bytes
    empty_sms: bytes
    logout_message: tuple[str, str]  # Chinese, English
    life_as_text: bool  # expiration_time "7200", not 7200
    every_column: bool  # all columns of members and accounts; money as "12.50"
    no_level: bytes
    query_token: bool
    loose_forms: bool  # fewer required fields, further usages, login by `mobile`


DOCUMENT = Wire(
    name="document",
    stamped=False,
    named_errors=False,
    empty=b"{}",
    empty_logout=b"{}",
    empty_sms=b"{}",
    logout_message=("OK", "OK"),
    life_as_text=True,
    every_column=False,
    no_level=b"{}",
    query_token=False,
    loose_forms=False,
)

RAGEFRAME = Wire(
    name="rageframe",
    stamped=True,
    named_errors=True,
    empty=b"null",
    empty_logout=b"[]",
    empty_sms=b"null",
    logout_message=("退出成功", "Logged out"),
    life_as_text=False,
    every_column=True,
    no_level=b"[null]",
    query_token=True,
    loose_forms=True,
)

PROFILES = {wire.name: wire for wire in (DOCUMENT, RAGEFRAME)}
