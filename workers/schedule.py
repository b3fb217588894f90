"""Periodic tasks: name, interval in seconds, and seconds after which a late run is dropped.

All can be repeated safely. Each uses a conditional UPDATE or an advisory lock to decide whether it should run.
"""

from typing import Any


def _every(seconds: float, task: str) -> dict[str, Any]:
    # A run that could not start in time is dropped: the next one does its work.
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 10.0)}}


SCHEDULE: dict[str, dict[str, Any]] = {
    "canary": _every(15.0, "core.touch_canary"),
    "silence": _every(5.0, "alerts.sweep_silence"),
    "rules": _every(15.0, "alerts.sweep_rules"),
    "move-maintenance": _every(5.0, "alerts.move_maintenance"),
    "end-snoozes": _every(15.0, "alerts.end_snoozes"),
    "judge-rules": _every(5.0, "alerts.judge_rules"),
    "release-quota": _every(5.0, "ingest.release_quota"),
    "release-gaps": _every(60.0, "ingest.release_gaps"),
    "work-backfills": _every(60.0, "ingest.work_backfills"),
    "watch-quarantine": _every(30.0, "ingest.watch_quarantine"),
    "settle-branches": _every(20.0, "ingest.settle_branches"),
    "watch-broker": _every(30.0, "alerts.watch_broker"),
    "send-digests": _every(300.0, "alerts.send_digests"),
    "notifications": _every(30.0, "alerts.send_notifications"),
    "expire-commands": _every(10.0, "commands.expire_commands"),
    "seek-withdrawn": _every(15.0, "commands.seek_withdrawn"),
    "watch-congestion": _every(15.0, "commands.watch_congestion"),
    "resend-commands": _every(60.0, "commands.resend_commands"),
    "prune-outbox": _every(3_600.0, "core.prune_outbox"),
    "collect-dead-jobs": _every(60.0, "core.collect_dead_jobs"),
    "sweep-mails": _every(30.0, "core.sweep_mails"),
    "end-rotations": _every(30.0, "stations.end_rotations"),
    "sweep-photos": _every(3_600.0, "files.sweep_photos"),
    "forward": _every(10.0, "forward.run_lanes"),
    "prune-feed": _every(600.0, "forward.prune_feed"),
    "watch-taps": _every(15.0, "forward.watch_taps"),
    "reconcile-taps": _every(600.0, "forward.reconcile_taps"),
    "make-packages": _every(60.0, "exports.make_packages"),
    "sweep-packages": _every(600.0, "exports.sweep_packages"),
    "work-schedules": _every(60.0, "exports.work_schedules"),
    "end-analyses": _every(30.0, "exports.end_analyses"),
    "finish-uploads": _every(60.0, "files.finish_uploads"),
    "fetch-files": _every(60.0, "files.fetch"),
    "count-held": _every(60.0, "files.count_held"),
    "expire-uploads": _every(3_600.0, "files.expire_uploads"),
    "scrub-store": _every(3_600.0, "files.scrub_store"),
    "sweep-store": _every(21_600.0, "files.sweep_store"),
    "erase-stations": _every(300.0, "stations.erase"),
    "suspend-floods": _every(10.0, "stations.suspend_floods"),
    "learn-rhythms": _every(300.0, "stations.learn_rhythms"),
    "prune-newcomers": _every(600.0, "stations.prune_newcomers"),
    "reconcile-broker": _every(600.0, "stations.reconcile_broker"),
    "replay-quarantine": _every(60.0, "ingest.replay_quarantine"),
    "prune-people": _every(3_600.0, "organizations.prune_people"),
    "purge-organizations": _every(900.0, "organizations.purge_deleted"),
    "sync": _every(60.0, "sync.run_periodic"),
    "motus": _every(300.0, "sync.run_motus"),
    "motus-files": _every(300.0, "sync.run_motus_files"),
    "make-partitions": _every(3_600.0, "telemetry.make_partitions"),
    "remove-moved-again": _every(600.0, "ingest.remove_moved_again"),
    "rebuild-rollups": _every(120.0, "telemetry.rebuild_rollups"),
    "move-cold": _every(3_600.0, "telemetry.move_cold"),
    "run-retention": _every(21_600.0, "telemetry.run_retention"),
}
