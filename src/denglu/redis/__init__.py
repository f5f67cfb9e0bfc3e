"""Redis or Valkey as an accelerator: words between processes, and counts of requests.

Nothing that guards money or accounts asks here, and no request ever waits for it: ``channel``
and ``counts`` work beside the requests, for at most 200 ms at a time, and leave Redis alone
for a while after it has failed. ``link`` is the one way to it.

It fulfils what ``store.network.channel_feed`` and ``domain.request_limit`` ask for, and
imports neither.
"""
