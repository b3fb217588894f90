"""User accounts: allauth with our own pages, mails and rate limits."""
