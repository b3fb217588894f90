"""Sensorgnome files: their names, their lines, and the messages made of them."""
