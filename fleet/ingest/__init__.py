"""From raw deliveries to committed rows: the pipeline, a handler for each message kind, quarantine."""
