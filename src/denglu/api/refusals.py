"""Refusals that only the wire knows: they carry what an answer needs beside the reason."""

from dataclasses import dataclass

from denglu.domain.errors import Reason, Refusal


@dataclass(frozen=True, slots=True)
class Label:
    """What a person calls a field."""

    zh: str
    en: str


class WireRefusal(Refusal):
    """A refusal of the request itself.

    `label` names the field that the message speaks of, `allow` the methods of a path;
    `close` ends the connection after the answer, because the rest of the body is unread.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        fields: dict[str, Reason] | None = None,
        label: Label | None = None,
        allow: str = "",
        close: bool = False,
    ) -> None:
        super().__init__(reason, fields=fields)
        self.label = label
        self.allow = allow
        self.close = close


class ClientGone(Exception):
    """The client hung up before its request was whole: nobody is there to be answered."""
