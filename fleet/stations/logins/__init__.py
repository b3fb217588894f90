"""How stations authenticate: enrolment, broker logins, their rotation, and suspension."""
