"""Who the agent is: enrolment, waiting to be let in, new logins, the hardware beneath it."""
