"""The agent's identity: enrolment, joining with a person's consent, new logins, and the hardware."""
