"""Whether a service on the network answers at all."""

import urllib.request
from http.client import HTTPException
from urllib.error import HTTPError

_SECONDS = 2.0


def knock(endpoint: str) -> str:
    """Why there was no answer of any kind to a request."""
    request = urllib.request.Request(endpoint, method="HEAD")  # noqa: S310 - checked at start
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
            return ""
    except HTTPError as error:
        error.close()
        return ""
    except (OSError, HTTPException, ValueError) as error:
        return type(getattr(error, "reason", error)).__name__
