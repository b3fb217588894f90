"""People's accounts: allauth with our own pages, mails and brakes."""
