"""Shared parts of the rules about a station's health. In its own folder because a file one level up would be a rule."""
