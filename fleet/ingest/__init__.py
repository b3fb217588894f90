"""The way from raw deliveries to committed rows: the pipeline, a handler for each message kind, and quarantine."""
