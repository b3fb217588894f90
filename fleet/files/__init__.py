"""Stations' own data files and how much of them has arrived, and photos."""
