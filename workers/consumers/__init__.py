"""Raw AMQP consumers that run inside Celery workers."""
