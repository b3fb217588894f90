"""Planned maintenance: windows that open once or again and again, and the stations that are in one."""
