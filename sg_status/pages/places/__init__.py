"""The pages of sites and of what the public may see."""
