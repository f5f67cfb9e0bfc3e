"""Settings of SMS codes: how they are sent, what they look like, how often. Times: seconds."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, PlainValidator

from denglu.domain.limits import Rate
from denglu.settings import readers
from denglu.settings.about import About, Section, at_most_daily, between, kind
from denglu.settings.values import Located, Number, Rates, Switch, Whole, each

_HOUR, _DAY = 3600, 86400


class Sms(Section):
    """SMS codes."""

    sms_gateways: Annotated[
        tuple[str, ...],
        each(readers.gateway, most=8),
        About(
            why="tried in this order; console prints to the terminal, outbox writes to a file, "
            "the others send (sms.md); http is for a sender of your own",
            allowed=f"{', '.join(readers.GATEWAYS)}; with a plugin also plugin.name; at least one",
            low=1,
            measure=len,
        ),
    ] = ("console",)
    sms_outbox: Annotated[
        Located,
        kind("a path; required with the gateway outbox", "one JSON object a line, mode 600"),
    ] = None
    sms_cleartext: Annotated[
        Literal["refuse", "accept"],
        kind(
            "refuse, accept",
            "console and outbox hold codes in clear, so the server refuses them outside loopback; "
            "accept is for a closed test network",
        ),
    ] = "refuse"
    sms_dry_run: Annotated[
        Switch,
        kind(
            "true, false",
            "true books and charges every message and sends none: nobody gets a code",
        ),
    ] = False
    sms_gateway_timeout: Annotated[
        Number, between(1, 5, "a gateway that has not answered by then may have sent", unit="s")
    ] = 5.0
    sms_timeout: Annotated[
        Number, between(1, 6, "all gateways together: nobody waits longer for an answer", unit="s")
    ] = 6.0
    sms_gateway_pause: Annotated[
        Number,
        between(
            1,
            25,
            "a gateway that failed three times in a row is left alone so long, later twice as long",
            unit="s",
        ),
    ] = 15.0
    sms_code_length: Annotated[
        Whole,
        About(
            why="ASVS 6.5.4 and NIST: six random digits suffice; the apps of the rageframe "
            "profile take exactly four",
            allowed="6 … 8; rageframe also 4",
            low=4,
            high=8,
            measure=float,
            rageframe=4,
        ),
    ] = 6
    sms_code_ttl: Annotated[
        Whole, between(60, 600, "ASVS 6.5.5 and NIST: ten minutes at most", unit="s")
    ] = 300
    sms_code_tries: Annotated[
        Whole,
        About(
            why="wrong tries until a code is void; four digits bear three only",
            allowed="1 … 5; with 4 digits 1 … 3",
            low=1,
            high=5,
            measure=float,
            rageframe=3,
        ),
    ] = 5
    code_number_rates: Annotated[
        Rates,
        at_most_daily(
            1,
            20,
            "wrong tries for a number over all codes and usages: a risk of 2 in 100,000 a day; "
            "with 4 digits at most 6 a day",
            rageframe=(Rate(6, _DAY),),
        ),
    ] = (Rate(10, _HOUR), Rate(20, _DAY))
    code_site_rates: Annotated[
        Rates,
        at_most_daily(
            1000,
            100_000_000,
            "codes tried on the whole site from which on, if more than half are wrong, there is "
            "an alert and a code bears two tries only: one guess at many numbers",
        ),
    ] = (Rate(100, 300),)
    sms_cooldown: Annotated[
        Whole,
        between(30, 300, "between two messages to a number; the apps count 59 s down", unit="s"),
    ] = 60
    sms_number_rates: Annotated[
        Rates, at_most_daily(1, 50, "messages to a number; providers cut off at about the same")
    ] = (Rate(5, _HOUR), Rate(10, _DAY))
    sms_phone_rates: Annotated[
        Rates,
        at_most_daily(
            1,
            100,
            "messages to a number for all merchants and the site together, with the merchant "
            "plugin: each merchant counts its own, and the phone is one",
        ),
    ] = (Rate(10, _HOUR), Rate(20, _DAY))
    sms_address_rates: Annotated[
        Rates,
        at_most_daily(10, 10_000, "messages asked for by an address (IPv4, or IPv6 /64)"),
    ] = (Rate(10, 600), Rate(30, _HOUR), Rate(100, _DAY))
    sms_address_numbers: Annotated[
        Rates,
        # A tally names each number: MySQL holds fewer than 2000 of them.
        at_most_daily(
            10,
            1500,
            "different numbers an address may ask for: SMS pumping. With a captcha configured, "
            "more need one instead of being refused",
        ),
    ] = (Rate(10, _HOUR),)
    sms_block_rates: Annotated[
        Rates,
        at_most_daily(
            24,
            1_000_000,
            "messages to a block of numbers (the first seven digits) whose code did not come back: "
            "SMS pumping. Above it, and while they are more than half of the block's messages, "
            "more need a captcha, and wait where none is configured",
        ),
    ] = (Rate(30, _HOUR),)
    sms_range_rates: Annotated[
        Rates,
        at_most_daily(
            240,
            1_000_000,
            "the same for a range of addresses (IPv4 /24, IPv6 /48): carriers put many people "
            "behind one",
        ),
    ] = (Rate(100, _HOUR),)
    sms_site_rates: Annotated[
        Rates,
        at_most_daily(
            1,
            1_000_000,
            "all messages: caps the bill and guessing over many numbers; an alert at half of it, "
            "and when it is spent",
        ),
    ] = (Rate(1000, _HOUR), Rate(5000, _DAY))
    sms_test_numbers: Annotated[
        Mapping[str, str],
        PlainValidator(readers.test_numbers),
        About(
            why="numbers with a code that never changes, to which no message is sent: for the "
            "people who review an app in its store. Every limit holds for them too",
            allowed="number=code,… or the table [sms_test_numbers], at most 16; codes as long as "
            "all others; needs sms_test_until",
            high=16,
            measure=len,
            filed=True,
            secret=True,
        ),
    ] = Field(default_factory=dict, repr=False)
    sms_test_until: Annotated[
        date | None,
        PlainValidator(readers.day),
        kind(
            "a day such as 2026-12-31, not over and at most 366 days ahead",
            "the last day (UTC) of the test numbers; after it they are numbers like any other, "
            "and the server does not start",
        ),
    ] = None
