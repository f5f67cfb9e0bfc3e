"""What PostgreSQL and MySQL have in common: transactions over a network that may fail.

``link`` says what a driver gives, ``store`` is the store on any of them, ``breaker`` notices
a database that is gone or hangs, ``cache`` keeps token look-ups for a moment, ``feed`` tells
other processes to forget them sooner.
"""
