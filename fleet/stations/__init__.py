"""Stations: registration, enrolment, broker credentials and contact state."""
