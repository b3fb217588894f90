"""What stations took: series, readings, detections, positions, events, and the delivery ledger."""
