"""What the battery's rows need that stand here."""

from tests.battery.conftest import record as record
