"""A run never loses a test silently, and distinguishes an unsteady test from a broken one."""

import os
import re
import subprocess
import sys
import textwrap

import pytest
from waiting import PATIENCE_S, until

from operations.paths import REPOSITORY
from operations.testing import suite
from operations.testing.pytest_account import complaint_make

#: In several processes, as in the whole run, and in one.
WAYS = pytest.mark.parametrize("way", [["-n", "2", "--dist=loadfile"], []], ids=["by file", "alone"])
CONFIGURATION = """
[pytest]
addopts = -p xdist -p schemathesis.pytest.plugin -p operations.testing.pytest_plugin
markers = faults
"""
TWO = "def test_one(): pass\ndef test_two(): pass\n"


@pytest.fixture
def project(tmp_path):
    """A folder with its own tests, for which no services are started."""
    (tmp_path / "pytest.ini").write_text(CONFIGURATION)
    return tmp_path


def environment():
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {
        **inherited,
        "PYTHONPATH": str(REPOSITORY),
        "ROOST_DATABASE_URL": "postgres://of-his-own",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


def run(project, *words, **files):
    for name, content in files.items():
        (project / f"{name}.py").write_text(textwrap.dedent(content))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@WAYS
def test_a_run_that_lost_nothing_passes_and_says_what_was_slow(project, way):
    code, said = run(project, *way, test_a=TWO, test_b=TWO)
    assert code == 0, said
    assert "4 passed" in said
    assert "slowest 2 of 2 files" in said


def test_the_folders_with_slow_files_come_first_a_file_of_each_in_turn(project):
    for name in ("tests/core/test_a", "tests/browser/test_b", "tests/faults/test_c", "tests/faults/test_d"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / f"{name}.py").write_text(TWO)
    _code, said = run(project, "--collect-only", "-q")
    assert re.findall(r"test_\w\.py::test_\w+", said) == [
        f"test_{file}.py::test_{number}" for file in "cbda" for number in ("one", "two")
    ]


@WAYS
def test_items_that_share_the_id_of_their_function_are_all_run(project, way):
    made_of_a_schema = """
        import schemathesis
        operation = {"responses": {"200": {"description": "Good."}}}
        paths = {f"/{number}": {"get": operation} for number in range(5)}
        document = {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": paths}
        schema = schemathesis.openapi.from_dict(document)

        @schema.parametrize()
        def test_operation(case):
            open("ran", "a").write(case.path + " ")
        """
    code, said = run(project, *way, test_a=made_of_a_schema)
    assert code == 0, said
    assert "5 passed" in said
    assert set((project / "ran").read_text().split()) == {"/0", "/1", "/2", "/3", "/4"}


@WAYS
def test_a_run_whose_tests_share_an_id_fails(project, way):
    renames = """
        def pytest_collection_modifyitems(items):
            items[1]._id = items[0]._id
        """
    code, said = run(project, *way, conftest=renames, test_a=TWO)
    assert code == 1, said
    assert "2 tests share the id test_a.py::test_one" in said


@WAYS
def test_a_deselected_test_without_its_fixture_fails(project, way):
    lonely = "def test_one(nobody): pass\ndef test_two(tmp_path): assert tmp_path\n"
    code, said = run(project, *way, "-k", "test_two", test_a=lonely)
    assert code == 1, said
    assert "fixture 'nobody' not found" in said
    assert "1 passed" in said


@WAYS
def test_a_run_that_got_no_result_of_a_test_fails(project, way):
    swallows = """
        def pytest_runtest_protocol(item):
            return True if item.name == "test_two" else None
        """
    code, said = run(project, *way, conftest=swallows, test_a=TWO)
    assert code == 1, said
    assert "no result of test_a.py::test_two" in said


def test_what_a_worker_that_died_took_along_is_named(project):
    dies = "import os\ndef test_one(): os._exit(3)\ndef test_two(): pass\n"
    code, said = run(project, "-n", "2", "--dist=loadfile", test_a=dies)
    assert code == 1, said
    assert "FAILED test_a.py::test_one" in said
    # pytest-xdist gives the rest of the file to no other worker.
    assert "no result of test_a.py::test_two" in said


@pytest.mark.parametrize("words", [["-x"], ["-k", "test_two"], ["--collect-only"]])
def test_who_asks_for_a_part_of_the_run_loses_nothing(project, words):
    code, said = run(project, *words, test_a="def test_one(): assert 'k' in 'x'\ndef test_two(): pass\n")
    assert code == (0 if words[0] in ("-k", "--collect-only") else 1), said
    assert "without a result" not in said


def test_results_are_compared_both_ways():
    assert complaint_make(["a", "b"], suite_counter(a=1, b=1)) == []
    assert complaint_make(["a", "b"], suite_counter(a=1)) == ["no result of b"]
    assert complaint_make(["a"], suite_counter(a=1, b=1)) == ["a result of b, which was not collected"]


def suite_counter(**ended: int):
    from collections import Counter

    return Counter(ended)


@pytest.fixture
def whole(project, monkeypatch, capfd):
    """The part of `./roost test` that runs pytest, in the project's folder."""
    monkeypatch.setattr(suite, "REPOSITORY", project)
    monkeypatch.setattr(suite, "tests_environment", lambda *_: environment())

    def tests_run(**files: str):
        for name, content in files.items():
            (project / f"{name}.py").write_text(textwrap.dedent(content))
        return suite.tests_run(project, {}, long=False, arguments=[]), capfd.readouterr().out

    return tests_run


FAILS_ONCE = """
    from pathlib import Path
    import pytest
    pytestmark = []

    @pytest.mark.parametrize("word", ["with [brackets] and :: colons"])
    def test_unsteady(word):
        mark = Path(__file__).with_name("was-here")
        there = mark.exists()
        mark.touch()
        assert there
    """


def test_what_fails_among_the_others_and_passes_alone_is_called_unsteady(whole):
    code, said = whole(test_a=FAILS_ONCE, test_b=TWO)
    assert code == 0, said
    assert "unsteady: test_a.py::test_unsteady[with [brackets] and :: colons] (failed among" in said
    assert said.endswith("\n3 passed, 0 failed\n")


def test_a_test_that_fails_alone_too_fails_the_run(whole):
    code, said = whole(test_a=FAILS_ONCE, test_b=TWO, test_c="def test_broken(): assert 'k' in 'x'\n")
    assert code == 1, said
    assert "unsteady: test_a.py" in said
    assert "unsteady: test_c.py" not in said
    assert said.endswith("\n3 passed, 1 failed\n")


def test_a_test_that_watches_for_lost_data_gets_no_second_chance(whole):
    code, said = whole(test_a=FAILS_ONCE.replace("[]", "pytest.mark.faults"), test_b=TWO)
    assert code == 1, said
    assert "Once more" not in said


def test_many_failures_are_not_unsteady(whole):
    every = "import pytest\n@pytest.mark.parametrize('n', range(11))\ndef test_each(n): assert n < 0\n"
    code, said = whole(test_a=every)
    assert code == 1, said
    assert "Once more" not in said


def test_an_error_in_the_set_up_is_run_again_too(whole):
    broken = FAILS_ONCE.replace(
        "def test_unsteady(word)", "def test_fine(thing, word): pass\n\n    @pytest.fixture\n    def thing()"
    )
    broken = broken.replace(
        '@pytest.mark.parametrize("word", ["with [brackets] and :: colons"])\n',
        '@pytest.mark.parametrize("word", ["x"])\n',
    )
    code, said = whole(test_a=broken)
    assert code == 0, said
    assert said.endswith("\n1 passed, 0 failed\n")


def test_every_file_with_tests_has_a_name_that_pytest_looks_for():
    with_tests = [
        path
        for path in (REPOSITORY / "tests").rglob("*.py")
        if re.search(r"^(async )?def test_", path.read_text(), re.MULTILINE)
    ]
    assert len(with_tests) > 200
    assert [path.name for path in with_tests if not path.name.startswith("test_")] == []


STOPS_ITS_SERVICES = """
    import pathlib, time
    try:
        pathlib.Path("begun").touch()
        time.sleep(600)
    except KeyboardInterrupt:
        pathlib.Path("stopped").touch()
"""
RUNS_IT = """
    import os, sys
    from pathlib import Path
    from operations.testing import suite
    suite.REPOSITORY = Path.cwd()
    suite.termination_catch()
    suite.interruptible_run([sys.executable, "inner.py"], environment=dict(os.environ))
"""


def test_a_run_that_is_terminated_lets_pytest_stop_its_services(project):
    (project / "inner.py").write_text(textwrap.dedent(STOPS_ITS_SERVICES))
    running = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(RUNS_IT)], cwd=project, env=environment(), stderr=subprocess.DEVNULL
    )
    until((project / "begun").exists, "the inner run")
    running.terminate()
    assert running.wait(PATIENCE_S) != 0
    assert (project / "stopped").exists()
