"""Planned maintenance: windows that open once or repeatedly, and the stations that are in one."""
