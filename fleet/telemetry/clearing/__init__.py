"""Removing readings, roll-ups and single detections that no rule keeps any longer."""
