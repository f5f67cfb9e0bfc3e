"""What is true and what is allowed: no await, no I/O, no clock, no framework."""
