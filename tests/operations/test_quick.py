"""A quick run has every test that needs no services: a test that requests or uses one is left out."""

import os
import subprocess
import sys
import textwrap

import pytest

from operations.instance import Instance
from operations.paths import REPOSITORY, Paths
from operations.testing.trial import QUICK_VARIABLE

CONFIGURATION = """
[pytest]
addopts = -p xdist -p operations.testing.pytest_plugin
markers = django_db
"""
CONFTEST = """
    import pytest

    @pytest.fixture
    def services(): raise AssertionError

    @pytest.fixture
    def stack(services): pass
    """


@pytest.fixture
def run(tmp_path):
    """Run the tests of a file in a quick run; return the exit code and the output."""
    (tmp_path / "pytest.ini").write_text(CONFIGURATION)
    (tmp_path / "conftest.py").write_text(textwrap.dedent(CONFTEST))

    def make(source: str, *words: str):
        (tmp_path / "test_some.py").write_text(textwrap.dedent(source))
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ} | {
            "PYTHONPATH": str(REPOSITORY),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "ROOST_VAR": str(tmp_path / "var"),
            QUICK_VARIABLE: "1",
        }
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return make


@pytest.mark.parametrize("words", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_what_asks_for_services_is_left_out(run, words):
    code, said = run(
        """
        import pytest
        def test_plain(): pass
        def test_asks(services): raise AssertionError
        def test_asks_through_another(stack): raise AssertionError
        @pytest.mark.django_db
        def test_database(): raise AssertionError
        """,
        *words,
    )
    assert code == 0, said
    assert "1 passed" in said
    assert "failed" not in said


USES = {
    "connects": "socket.create_connection(('127.0.0.1', {port}))",
    "connects, and expects failure": "try: socket.create_connection(('127.0.0.1', {port}))\n    except Exception: pass",
    "starts a service": "redis.server_find()",
    "starts Roost": "subprocess.run([REPOSITORY / 'roost', 'up'])",
}


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_what_uses_a_service_without_asking_is_left_out_too(run, tmp_path, use):
    port = Instance.load(Paths(tmp_path / "var")).ports["redis"]
    uses = use.format(port=port)
    code, said = run(
        f"""
import socket, subprocess
from operations.paths import REPOSITORY
from operations.services import redis
def test_uses():
    {uses}
    raise AssertionError
def test_plain():
    with socket.create_server(('127.0.0.1', 0)) as server:
        socket.create_connection(server.getsockname()).close()
    subprocess.run(["true"], check=True)
"""
    )
    assert code == 0, said
    assert "1 passed, 1 skipped" in said
    assert "needs services, and asks for them by no fixture" in said
