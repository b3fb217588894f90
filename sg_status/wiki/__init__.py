"""Showing pages that organizations wrote."""
