"""Sites, and deployments: which station was at which site, and when."""
