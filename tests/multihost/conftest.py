"""One cluster of three hosts for all tests of this folder."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.multihost.cluster import Cluster, missing
from tests.multihost.load import Load
from tests.servers import ServerFailed


@pytest.fixture(scope="package")
def a_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three hosts, `ray up` and `serve run` done, six accounts at work on two of them."""
    if reason := missing():
        pytest.skip(reason)
    with ExitStack() as stack:
        try:
            cluster = Cluster(tmp_path_factory.mktemp("multihost"), stack)
        except ServerFailed as failure:
            pytest.fail(str(failure), pytrace=False)
        cluster.up()
        cluster.serve()
        cluster.wait_for_everybody()
        yield cluster


@pytest.fixture
def a_load(a_cluster: Cluster) -> Iterator[Load]:
    """Campaigns that go on."""
    load = Load(a_cluster, a_cluster.folder / "history")
    try:
        yield load
    finally:
        load.abandon()
