"""One file per thing a person does, and the Protocols these need (``ports``)."""
