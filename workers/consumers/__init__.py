"""Consumers of raw AMQP that run inside Celery workers."""
