"""Settings: read once from ``DENGLU_*`` variables and ``denglu.toml``, checked whole, frozen.

Imports the domain only. Whoever starts a process calls ``load_settings``, then
``check_binding`` with the address it will bind to, then ``ensure_secret_key``.
"""

from denglu.settings.binding import check_binding, is_loopback, warnings
from denglu.settings.load import SettingsError, load_settings
from denglu.settings.model import Effective, Settings
from denglu.settings.secret_key import ensure_secret_key

__all__ = [
    "Effective",
    "Settings",
    "SettingsError",
    "check_binding",
    "ensure_secret_key",
    "is_loopback",
    "load_settings",
    "warnings",
]
