"""Detections beyond single rows: tags by hour, lists of them, and the pulses of a port against its own normal."""
