"""Stations: registration, enrolment, broker credentials and the contact model."""
