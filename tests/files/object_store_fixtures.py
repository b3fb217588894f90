"""Fixtures of tests with an object store: moto's server for a module, behind a relay that breaks when told."""

import pytest
from files.object_store import BUCKET, Relay, object_store, storage_options


@pytest.fixture(scope="module")
def moto(services, tmp_path_factory):
    with object_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def store(moto, settings):
    """The object store, empty, as the place of new files."""
    for key in moto.objects():
        moto.client.delete_object(Bucket=BUCKET, Key=key)
    moto.relay = relay = Relay(moto.port)
    settings.ROOST_S3_BUCKET = BUCKET
    settings.STORAGES = {
        **settings.STORAGES,
        "objects": {"BACKEND": "fleet.files.store.objects.ObjectStorage", "OPTIONS": storage_options(relay.url)},
    }
    yield moto
    relay.trouble.end()
    relay.shutdown()
    relay.server_close()
