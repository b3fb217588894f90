"""Uploading files: over HTTPS (tus 1.0) or AMQP, and `station-agent upload`."""
