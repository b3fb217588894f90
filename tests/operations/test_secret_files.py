"""Secrets are random, private, and the same for all processes that ask at once."""

from concurrent.futures import ThreadPoolExecutor

from operations.secret_files import NAMES, secret_read, secrets_read


def test_each_secret_is_its_own_and_readable_by_its_owner_only(tmp_path):
    found = secrets_read(folder=tmp_path / "secrets")
    assert len(set(found.values())) == len(NAMES)
    assert min(map(len, found.values())) >= 40
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o600}
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_secret_stays(tmp_path):
    assert secret_read(folder=tmp_path, name="redis") == secret_read(folder=tmp_path, name="redis")


def test_two_that_start_at_once_agree(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: secret_read(folder=tmp_path, name="redis"), range(64)))
    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["redis"]
