"""Packages that repeat: one file for each day, week or month that is over, in a place that administrators chose."""
