"""How a station proves who it is: enrolment, logins on the broker, their rotation, suspension."""
