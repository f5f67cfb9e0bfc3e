"""Settings of passwords, logins and sessions. Times are in seconds."""

import os
from typing import Annotated

from pydantic import Field

from denglu.domain.limits import Rate
from denglu.settings import readers
from denglu.settings.about import About, Section, at_most_daily, between, kind
from denglu.settings.values import Durations, Number, Rates, Whole, durations_text, each

_HOUR, _DAY = 3600, 86400


def usable_cpus() -> int:
    """How many CPUs this process may use."""
    return min(64, len(os.sched_getaffinity(0)))


class Login(Section):
    """Passwords and the limits of logging in with one."""

    password_min_length: Annotated[
        Whole,
        between(8, 64, "ASVS 6.2.1; NIST asks for 15 where the password is all there is"),
    ] = 8
    password_site_words: Annotated[
        tuple[str, ...],
        each(readers.site_word, most=200),
        kind("words of 2 … 64 characters", "names of the site and its products: no passwords"),
    ] = ()
    argon2_memory_kib: Annotated[
        Whole,
        between(
            19456, 1048576, "OWASP minimum for Argon2id; 20 ms on the reference machine", unit="KiB"
        ),
    ] = 19456
    argon2_time: Annotated[
        Whole, between(1, 10, "passes over the memory; 1 only from 47104 KiB on (OWASP)")
    ] = 2
    argon2_parallelism: Annotated[
        Whole, between(1, 8, "lanes of one hash; logins run side by side in any case")
    ] = 1
    hash_workers: Annotated[
        Whole,
        between(
            1,
            64,
            "niced threads that hash; more than CPUs only makes every login slower",
            default_text="number of CPUs",
        ),
    ] = Field(default_factory=usable_cpus)
    hash_queue: Annotated[
        Whole, between(1, 1024, "logins that wait for a hash; the next one is answered busy")
    ] = 64
    hash_deadline: Annotated[
        Number, between(0.5, 10, "a login that has waited so long is answered busy", unit="s")
    ] = 2.0
    login_account_address_rate: Annotated[
        Rates, at_most_daily(1, 960, "wrong passwords for an account from an address")
    ] = (Rate(5, 900),)
    login_account_rate: Annotated[
        Rates, at_most_daily(1, 1920, "wrong passwords for an account from anywhere")
    ] = (Rate(10, 900),)
    login_account_lockouts: Annotated[
        Durations,
        About(
            why="how long an account's passwords are refused the first, second, … time; SMS "
            "login and reset stay open",
            allowed="1 to 8 rising durations of 1m … 24h",
            low=60,
            high=_DAY,
            # Rising, so the first is the floor's concern and the last the ceiling's.
            measure=lambda steps: steps[0] if steps[0] < 60 else steps[-1],
            show=durations_text,
        ),
    ] = (900, 1800, 3600)
    login_account_streak: Annotated[
        Whole,
        between(
            20,
            100,
            "wrong passwords for an account one after the other, however far apart: then password "
            "login is off until a reset by SMS; NIST allows 100",
        ),
    ] = 100
    login_address_rates: Annotated[
        Rates,
        at_most_daily(30, 100_000, "wrong passwords from an address; many people share one"),
    ] = (Rate(30, 300), Rate(200, _HOUR))
    login_suspicion_rates: Annotated[
        Rates,
        at_most_daily(
            30,
            100_000,
            "wrong passwords from an address above which its logins need a captcha, where one is "
            "configured",
        ),
    ] = (Rate(10, 300),)
    login_site_rates: Annotated[
        Rates,
        at_most_daily(
            1000,
            100_000_000,
            "wrong passwords on the whole site above which there is an alert, and every login "
            "needs a captcha where one is configured: stuffing from many addresses",
        ),
    ] = (Rate(1000, 300),)


class Sessions(Section):
    """Lives of tokens."""

    access_ttl: Annotated[
        Whole, between(60, _DAY, "the original's life of an access token; ASVS 7.2.3", unit="s")
    ] = 7200
    refresh_idle: Annotated[
        Whole, between(_HOUR, 90 * _DAY, "unused for so long, a session ends; ASVS 7.3.1", unit="s")
    ] = 30 * _DAY
    refresh_absolute: Annotated[
        Whole,
        between(
            _HOUR, 365 * _DAY, "however much it is used; ASVS 7.3.2, NIST AAL1 30 days", unit="s"
        ),
    ] = 90 * _DAY
    refresh_window: Annotated[
        Whole,
        between(0, 60, "parallel and lost refreshes get the same pair; 0 is strict", unit="s"),
    ] = 10
    access_grace: Annotated[
        Whole, between(0, 60, "the access token before this one, for requests in flight", unit="s")
    ] = 10
