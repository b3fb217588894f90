"""Notifications of incidents: to whom, planning them, their texts, sending them, and what their links do."""
