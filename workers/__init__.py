"""Entry points from the broker and the clock: Celery application, schedule, tasks, inbound consumer, relay."""
