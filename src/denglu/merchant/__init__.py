"""The merchant plugin: the API for merchants' users, and the commands that make them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from denglu.plugins import hookimpl

if TYPE_CHECKING:
    import click

    from denglu.api.routes import Route


@hookimpl
def denglu_routes() -> "Sequence[Route]":
    """The merchant API."""
    from denglu.merchant.routes import ROUTES

    return ROUTES


@hookimpl
def denglu_commands() -> "Sequence[click.Command]":
    """``denglu merchant``."""
    from denglu.merchant.commands import merchant

    return (merchant,)
