"""Sensorgnome files: their names, their lines, and what of them goes onto the wire."""
