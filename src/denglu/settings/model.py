"""The one frozen Settings. It is read once, checked whole, and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

from pydantic import PrivateAttr, model_validator
from pydantic.fields import FieldInfo

from denglu.settings.about import About, Section
from denglu.settings.captcha import Captcha
from denglu.settings.deployment import Deployment, Storage
from denglu.settings.login import Login, Sessions
from denglu.settings.plugged import prefix_of
from denglu.settings.server import Server
from denglu.settings.sms import Sms
from denglu.settings.sms_aliyun import SmsAliyun
from denglu.settings.sms_budget import SmsBudget
from denglu.settings.sms_http import SmsHttp
from denglu.settings.sms_tencent import SmsTencent
from denglu.settings.wording import Texts

PREFIX = "DENGLU_"


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting as it is in force. ``value`` hides secrets."""

    variable: str
    value: str
    source: str


class Settings(
    Deployment,
    Sms,
    SmsBudget,
    Texts,
    SmsAliyun,
    SmsTencent,
    SmsHttp,
    Captcha,
    Login,
    Sessions,
    Server,
    Storage,
):
    """Every setting. Made by ``load_settings``; tests may call it with keyword arguments.

    Relative paths count from the directory the settings were loaded in.
    """

    _sources: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _cwd: Path = PrivateAttr(default_factory=Path)
    _plugins: Mapping[str, Section] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _profile_defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("wire") != "rageframe":
            return data
        return profile_defaults() | data

    def model_post_init(self, context: Any) -> None:
        """Remember where the values came from (``load_settings`` tells)."""
        known = context if isinstance(context, Mapping) else {}
        self._sources = MappingProxyType(dict(known.get("sources", {})))
        self._cwd = known.get("cwd", Path())
        self._plugins = MappingProxyType(dict(known.get("plugins", {})))

    @property
    def database_kind(self) -> Literal["sqlite", "postgresql", "mysql"]:
        """What ``database_url`` leads to."""
        kind = self.database_url.partition("://")[0]
        return cast(Literal["sqlite", "postgresql", "mysql"], kind)

    @property
    def database_path(self) -> Path:
        """The SQLite file. Only where ``database_kind`` is ``sqlite``."""
        assert self.database_kind == "sqlite", "a network database has no file"
        return self._cwd / self.database_url.removeprefix("sqlite:///")

    @property
    def key_path(self) -> Path:
        """Where the secret key is kept that a server on loopback makes for itself. Only where
        ``database_kind`` is ``sqlite``.
        """
        return self.database_path.with_name(self.database_path.name + ".key")

    def of_plugin(self, name: str) -> Section | None:
        """The settings of a plugin; None of one that has none."""
        return self._plugins.get(name)

    def source_of(self, name: str) -> str:
        """Where the value of a field comes from: a variable, a file, or the defaults."""
        if name in self._sources:
            return self._sources[name]
        changed = self.wire == "rageframe" and about(name).rageframe is not None
        return "default of the rageframe profile" if changed else "default"

    def effective(self) -> list[Effective]:
        """All settings with value and source, in the order of docs/settings.md; then those of
        plugins.
        """
        ours = [
            Effective(variable(name), shown(name, getattr(self, name)), self.source_of(name))
            for section in SECTIONS
            for name in section.model_fields
        ]
        return ours + [
            Effective(
                variable(prefix_of(plugin) + name),
                facts.shown(getattr(section, name)),
                self._sources.get(prefix_of(plugin) + name, "default"),
            )
            for plugin, section in self._plugins.items()
            for name, facts in facts_of(type(section)).items()
        ]


SECTIONS = cast(tuple[type[Section], ...], Settings.__bases__)
"""In the order of docs/settings.md."""

_ABOUT: dict[str, About] = {}


def about(name: str) -> About:
    """The facts about a field."""
    return _ABOUT[name]


def variable(name: str) -> str:
    """``sms_code_ttl`` as ``DENGLU_SMS_CODE_TTL``."""
    return PREFIX + name.upper()


def profile_defaults() -> dict[str, object]:
    """The defaults that the rageframe profile changes."""
    return {n: facts.rageframe for n, facts in _ABOUT.items() if facts.rageframe is not None}


def shown(name: str, value: object) -> str:
    """A value fit for anybody's eyes."""
    return about(name).shown(value)


def facts_of(section: type[Section]) -> dict[str, About]:
    """The facts about every field of a section. Raises ValueError for a field without."""
    return {name: _facts(name, field) for name, field in section.model_fields.items()}


def _facts(name: str, field: FieldInfo) -> About:
    for item in field.metadata:
        if isinstance(item, About):
            return item
    raise ValueError(f"the setting {name} has no About (such as kind or between)")


_ABOUT.update(facts_of(Settings))
