"""Roost's clock, much faster and without the slow jobs, so that cases need not wait for it."""

from workers.celery_app import app

__all__ = ["app"]

QUICK = ("canary", "silence", "notifications", "expire-commands", "resend-commands")

app.conf.beat_schedule = {name: app.conf.beat_schedule[name] | {"schedule": 1.0} for name in QUICK}
