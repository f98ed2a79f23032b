"""The end of the kept demo, whose tests stand in the files before: two clusters would share Serve's ports."""

from tests.e2e.conftest import Kept


def test_ctrl_c_leaves_no_process(a_kept_demo: Kept) -> None:
    assert len(a_kept_demo.command.processes()) > 10
    a_kept_demo.command.interrupt()
    assert a_kept_demo.command.processes() == []
