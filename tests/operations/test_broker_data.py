"""RabbitMQ is not started on data of an incompatible version; one sentence says so before any file is touched."""

from pathlib import Path

import pytest

from operations.paths import REPOSITORY
from operations.services.broker_data import HOW_TO, broker_data_trouble

#: The file `feature_flags` as RabbitMQ writes it on Debian 12 and on Debian 13.
OF_3_10 = "[classic_mirrored_queue_version,drop_unroutable_metric,empty_basic_get_metric,\n quorum_queue,stream_queue]."
OF_4_0 = "[classic_mirrored_queue_version,\n message_containers,\n message_containers_deaths_v2,\n 'rabbitmq_4.0.0']."


def server(version):
    return Path(f"/usr/lib/rabbitmq/lib/rabbitmq_server-{version}/sbin/rabbitmq-server")


@pytest.fixture
def data(tmp_path):
    def make(flags):
        (tmp_path / "feature_flags").write_text(flags)
        return tmp_path

    return make


def test_debian_13_s_broker_is_not_started_on_the_data_of_debian_12(data):
    trouble = broker_data_trouble(data=data(OF_3_10), server=server("4.0.5"))
    assert trouble is not None
    assert "3.12 or older" in trouble
    assert trouble.count(". ") == 0, "it must be one sentence"
    assert HOW_TO in trouble
    assert (REPOSITORY / HOW_TO).exists()


def test_debian_12_s_broker_is_not_started_on_the_data_of_debian_13(data):
    trouble = broker_data_trouble(data=data(OF_4_0), server=server("3.10.8"))
    assert trouble is not None
    assert "newer RabbitMQ than the 3.10" in trouble


@pytest.mark.parametrize(
    ("flags", "version"), [(OF_3_10, "3.10.8"), (OF_4_0, "4.0.5"), (OF_4_0, "4.3.5"), (OF_3_10, "3.12.1")]
)
def test_what_fits_is_started(data, flags, version):
    assert broker_data_trouble(data=data(flags), server=server(version)) is None


def test_a_first_start_and_an_unknown_broker_are_left_alone(data, tmp_path):
    assert broker_data_trouble(data=tmp_path / "none", server=server("4.0.5")) is None
    assert broker_data_trouble(data=data(OF_3_10), server=Path("/opt/rabbit/rabbitmq-server")) is None
    assert broker_data_trouble(data=data(OF_3_10), server=None) is None


def test_the_broker_that_runs_here_has_the_file_that_is_looked_at(stack):
    assert (stack.rabbitmq.home / "data" / "feature_flags").read_text().startswith("[")
