"""Packages that repeat: one file for each past day, week or month, in a place that administrators chose."""
