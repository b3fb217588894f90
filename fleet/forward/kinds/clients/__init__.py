"""Protocols that several kinds of receivers share."""
