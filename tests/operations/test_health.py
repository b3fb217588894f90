"""`./roost status` reports what really works, even when the supervisor is gone."""

import pytest

from operations.instance import Instance
from operations.leftovers import leftovers_end
from operations.paths import Paths
from operations.running import health
from operations.running.supervisor_daemon import Supervisor, configuration_write
from operations.stack import wait_until


@pytest.fixture
def instance(services, tmp_path, monkeypatch):
    """Redis under a supervisor, without the other services."""
    instance = Instance.load(Paths(tmp_path / "var"))
    instance.redis.prepare()
    programs = instance.redis.programs()
    configuration_write(paths=instance.paths, programs=programs)
    supervisor = Supervisor(instance.paths)
    process = supervisor.launch(tied_to_us=True)
    supervisor.start(programs)
    wait_until(instance.redis.check, seconds=30, what="Redis", log=instance.paths.logs / "redis.log")
    two = {"redis": lambda _: instance.redis.check(), "mail": lambda _: health.mail_check(instance)}
    monkeypatch.setattr(health, "checks_for", lambda _: two)
    monkeypatch.setattr(health, "warnings", list)
    yield instance, process
    supervisor.end()
    leftovers_end(paths=instance.paths)


def test_a_service_that_outlives_its_killed_supervisor_is_reported(instance):
    running, process = instance
    assert health.report_of(running.paths).services["redis"].healthy is True
    process.kill()
    process.wait()
    report = health.report_of(running.paths)
    assert report.healthy is False
    assert report.services["redis"].detail.startswith("still works, but its supervisor was killed: `./roost up`")
    assert "accepts no mail" in report.services["mail"].detail
    assert leftovers_end(paths=running.paths) == 1
    assert health.report_of(running.paths).services == {}
