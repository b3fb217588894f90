"""The spine of a station's page: contact, happenings and charts above one another on one axis of time."""
