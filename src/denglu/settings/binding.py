"""What the address that a server binds to allows, and what an operator should be told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from denglu.domain.mobile import mask_mobile
from denglu.settings.model import Settings, variable
from denglu.settings.readers import is_of_plugin
from denglu.settings.secret_key import NO_COMMON_KEY, may_make_key

_LONGEST_TEST = timedelta(days=366)
# Gateways that send the texts of the settings; a plugin's may.
_OWN_TEXTS = ("console", "outbox", "http")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def check_binding(settings: Settings, host: str) -> list[str]:
    """Faults, one line each, of serving with these settings on ``host``."""
    faults = [] if may_make_key(settings) else [NO_COMMON_KEY]
    faults += _test_numbers(settings)
    if is_loopback(host):
        return faults
    where = f"a server on {host or 'every address'} can be reached from other machines"
    if settings.secret_key is None and not faults:
        faults.append(
            f"{variable('secret_key')}: not set, and {where}: set it, or "
            f"{variable('secret_key_file')}, to at least 32 random bytes"
            + (f" (such as {settings.key_path})" if settings.key_path.exists() else "")
        )
    if settings.test_clock_file is not None:
        faults.append(
            f"{variable('test_clock_file')}={settings.test_clock_file}: {where}: "
            "the test clock is for loopback only; unset it"
        )
    clear = [name for name in settings.sms_gateways if name in ("console", "outbox")]
    if clear and settings.sms_cleartext != "accept":
        faults.append(
            f"{variable('sms_gateways')}={','.join(settings.sms_gateways)}: {where}, and "
            f"{' and '.join(clear)} show every code in clear to whoever reads the terminal or the "
            f"file: name a provider's gateway, or bind to 127.0.0.1; in a closed test network set "
            f"{variable('sms_cleartext')}=accept"
        )
    return faults


def _test_numbers(settings: Settings) -> Iterator[str]:
    """Whether codes that never change are over, or would live for years."""
    last = settings.sms_test_until
    if not settings.sms_test_numbers or last is None:
        return
    today = datetime.now(UTC).date()
    if not today <= last <= today + _LONGEST_TEST:
        yield (
            f"{variable('sms_test_until')}={last}: allowed: {today} … {today + _LONGEST_TEST}, "
            f"while {variable('sms_test_numbers')} is set; unset both where nobody reviews the app"
        )


def warnings(settings: Settings) -> list[str]:
    """What is allowed and yet worth a word at start and in ``denglu doctor``."""
    found = []
    if numbers := settings.sms_test_numbers:
        found.append(
            f"{variable('sms_test_numbers')}: {len(numbers)} with a code that never changes until "
            f"{settings.sms_test_until}: {', '.join(map(mask_mobile, numbers))}"
        )
    if settings.sms_dry_run:
        found.append(f"{variable('sms_dry_run')}=true: no message is sent, so nobody gets a code")
    if settings.sms_code_length < 6:
        found.append(
            f"{variable('sms_code_length')}={settings.sms_code_length}: four digits can be "
            "guessed; the limits carry the security. Use 6 as soon as the apps allow it"
        )
    if settings.redis_url and settings.database_kind == "sqlite":
        found.append(f"{variable('redis_url')}: is not used; one process serves an SQLite file")
    if settings.sms_cleartext == "accept":
        found.append(f"{variable('sms_cleartext')}=accept: SMS codes are shown in clear")
    if settings.sms_outbox is not None and "outbox" not in settings.sms_gateways:
        found.append(
            f"{variable('sms_outbox')}: is not used, because {variable('sms_gateways')} does "
            "not name outbox"
        )
    found += _texts_in_vain(settings)
    if settings.captcha_id and settings.captcha in ("off", "pow"):
        found.append(
            f"{variable('captcha_id')}: is not used with {variable('captcha')}={settings.captcha}"
        )
    if settings.group_aliases and settings.wire != "rageframe":
        found.append(f"{variable('group_aliases')}: is used only in the rageframe profile")
    return found


def _texts_in_vain(settings: Settings) -> Iterator[str]:
    """Texts that nobody sends, because every gateway has templates of its own."""
    if any(name in _OWN_TEXTS or is_of_plugin(name) for name in settings.sms_gateways):
        return
    for name in ("sms_texts", "sms_autofill_domain", "sms_android_hash"):
        if getattr(settings, name):
            yield (
                f"{variable(name)}: is not used: {', '.join(settings.sms_gateways)} send the texts "
                "of their own templates. Put it into these (sms.md)"
            )
