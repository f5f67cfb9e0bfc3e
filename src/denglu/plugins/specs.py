"""What a plugin may add: one hook for each kind. A plugin fulfils those it needs, and takes of
their arguments those it needs.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    import click
    from sqlalchemy import ClauseElement, MetaData

    from denglu.api.routes import Route
    from denglu.captcha.asked import Service
    from denglu.domain.audit import AuditEvent
    from denglu.flows.ports import Clock, SmsGateway, Store
    from denglu.settings.about import Section

hookspec = pluggy.HookspecMarker("denglu")
hookimpl = pluggy.HookimplMarker("denglu")


@dataclass(frozen=True, slots=True)
class Desk:
    """What a plugin works with. ``settings`` is its own section, None where it has none."""

    store: "Store"
    clock: "Clock"
    settings: Any = None


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of a plugin, and what is done with them.

    ``tables`` are called ``plugin_…`` (of the name, dashes become underscores). ``migrations`` is
    the folder of the scripts that make them: ``0001_first.py`` with ``revision = "0001"``, and so
    on. ``statements`` are SQLAlchemy Core; they may read every table and change those of the
    plugin. A transaction runs them as ``plugin.name`` (``tx.statements``). Those named in
    ``erase`` are given ``p_member_id`` and run when a member is erased, in the same transaction.
    """

    tables: "MetaData"
    migrations: "Path"
    statements: "Mapping[str, ClauseElement]" = field(default_factory=dict)
    erase: Sequence[str] = ()


class Specs:
    """The hooks."""

    @hookspec
    def denglu_settings(self) -> "type[Section]":  # type: ignore[empty-body]
        """Settings: the field ``word`` of the plugin ``greet`` is DENGLU_GREET_WORD."""

    @hookspec
    def denglu_schema(self) -> Schema:  # type: ignore[empty-body]
        """Tables of its own. Asked before anything is opened."""

    @hookspec
    def denglu_routes(self, desk: Desk) -> "Sequence[Route]":  # type: ignore[empty-body]
        """Endpoints, served under every mount. Asked once in each server process."""

    @hookspec
    def denglu_commands(self) -> "Sequence[click.Command]":  # type: ignore[empty-body]
        """Commands of ``denglu``. Asked also by ``denglu --help``: to be imported fast."""

    @hookspec
    def denglu_event(self, event: "AuditEvent", desk: Desk) -> Awaitable[None] | None:
        """Something happened and is committed; told once at most, by the process that did it.

        Called on the event loop, so it may not block; what it returns is awaited behind the
        answer. What it commits itself is told to nobody.
        """

    @hookspec
    def denglu_gateways(self) -> "Mapping[str, Callable[[Any], SmsGateway]]":  # type: ignore[empty-body]
        """SMS gateways: ``{"name": open}`` is ``plugin.name`` in DENGLU_SMS_GATEWAYS. ``open`` is
        given the plugin's settings when a process starts to send.
        """

    @hookspec
    def denglu_captchas(self) -> "Mapping[str, Callable[[Any], Service]]":  # type: ignore[empty-body]
        """Captchas, the same for DENGLU_CAPTCHA. Each is asked on threads of its own."""
