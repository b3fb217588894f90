"""The pages for adding a station to an organization."""
