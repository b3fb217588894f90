"""Removing what rules no longer keep: readings and roll-ups, and single detections."""
