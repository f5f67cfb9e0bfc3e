"""Templates: texts that a provider has approved and keeps. A message names one and fills it in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from denglu.domain.sms_message import Notice, SmsMessage
from denglu.domain.wording import TEMPLATES

ANY_CODE = "code"
"""Stands for every usage that has no template of its own."""

NAMES = (ANY_CODE, *TEMPLATES)


@dataclass(frozen=True, slots=True)
class Template:
    """A template's id at its provider, and what is filled in, in the order of its places:
    names of ``SmsMessage.params``.
    """

    id: str
    params: tuple[str, ...] = ()

    def filled(self, message: SmsMessage) -> Sequence[str]:
        """What is filled in for a message."""
        known = message.params
        return [known.get(name, "") for name in self.params]


def template_for(message: SmsMessage, templates: Mapping[str, Template]) -> Template | None:
    """The template of a message among those of a gateway, by name; None where it has none."""
    name = message.template or message.usage
    if name in templates or name in set(Notice):
        return templates.get(name)
    return templates.get(ANY_CODE)
