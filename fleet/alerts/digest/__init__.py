"""The digest: a mail to a member, every day, week or month, that tells what happened in an organization."""
