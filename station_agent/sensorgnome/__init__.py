"""Sensorgnome files as a station follows them: the folder, positions, accounts, and what goes into the outbox."""
