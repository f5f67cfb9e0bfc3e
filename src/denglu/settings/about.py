"""How a setting is declared: what is allowed, why, and what the other wire profile changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from denglu.settings.values import text_of


class OutOfBounds(ValueError):
    """The value is well formed and lies outside floor and ceiling."""


@dataclass(frozen=True, kw_only=True)
class About:
    """One setting's facts, put beside its type: ``Annotated[Whole, between(60, 600, why)]``.

    ``measure`` turns a value into the number that floor and ceiling speak of. ``rageframe``
    is that profile's default where it differs. ``filed`` settings may also come from the
    file that ``…_FILE`` names; ``secret`` ones are shown nowhere.
    """

    why: str
    allowed: str
    low: float = float("-inf")
    high: float = float("inf")
    measure: Callable[[Any], float] | None = None
    rageframe: object = None
    default_text: str = ""
    show: Callable[[Any], str] = text_of
    filed: bool = False
    secret: bool = False

    def shown(self, value: object) -> str:
        """A value fit for anybody's eyes."""
        if self.secret:
            return "(hidden)" if value else ""
        return self.show(value)

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        if self.measure is None:
            return schema
        return core_schema.no_info_after_validator_function(self._within, schema)

    def _within(self, value: object) -> object:
        # Absence is a value of its own: no bounds apply to it.
        if value is None or self.measure is None or self.low <= self.measure(value) <= self.high:
            return value
        raise OutOfBounds


class Section(BaseModel):
    """Common to all sections: frozen, closed, and silent about what it was given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def between(
    low: float,
    high: float,
    why: str,
    *,
    unit: str = "",
    rageframe: object = None,
    default_text: str = "",
) -> About:
    """A number from ``low`` up to ``high``, both allowed."""
    return About(
        why=why,
        allowed=f"{low} … {high} {unit}".rstrip(),
        low=low,
        high=high,
        measure=float,
        rageframe=rageframe,
        default_text=default_text,
    )


def at_most_daily(low: int, high: int, why: str, *, rageframe: object = None) -> About:
    """Rates that together let through between ``low`` and ``high`` a day."""
    return About(
        why=why,
        allowed=f"rates such as 5/1h,10/24h, time at most 24h, together {low} … {high} a day",
        low=low,
        high=high,
        measure=lambda rates: min(rate.count * -(-86400 // rate.window) for rate in rates),
        rageframe=rageframe,
    )


def kind(
    allowed: str,
    why: str,
    *,
    rageframe: object = None,
    filed: bool = False,
    show: Callable[[Any], str] = text_of,
) -> About:
    """A setting that its type alone judges."""
    return About(why=why, allowed=allowed, rageframe=rageframe, filed=filed, show=show)
