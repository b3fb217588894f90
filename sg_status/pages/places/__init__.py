"""The pages of sites, and the public pages of places."""
