"""Data recorded by stations: series, readings, detections, positions, events, and the delivery ledger."""
