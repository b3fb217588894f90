"""The door to broker and clock: Celery application, schedule, tasks, the inbound consumer, the relay."""
