"""docs/simulator.md names everything that the simulator can be told."""

from pathlib import Path

import pytest

from scrapinsta_ray.simulator import control, faults, kinds, layout

TEXT = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()


@pytest.mark.parametrize("fault", faults.CATALOGUE)
def test_faults_and_their_options(fault):
    (row,) = [
        line for line in TEXT.splitlines() if line.startswith("| `") and f"`{fault}`" in line.split("|")[1]
    ]
    for option, default in faults.CATALOGUE[fault][1].items():
        assert f"`{option}`" in row
        if not isinstance(default, tuple):
            assert f"`{option}` {str(default).removesuffix('.0').lower()}" in row


@pytest.mark.parametrize("part", layout.CHOICES)
def test_parts_of_the_layout_and_their_choices(part):
    (row,) = [
        line for line in TEXT.splitlines() if line.startswith("| `") and f"`{part}`" in line.split("|")[1]
    ]
    words = ["null" if choice is None else str(choice).lower() for choice in layout.CHOICES[part]]
    assert row.split("|")[2].strip() == ", ".join(words)


def test_kinds_of_path_and_addresses():
    assert all(f"`{kind}`" in TEXT for kind in (*kinds.KINDS, *kinds.GROUPS))
    assert all(route.path.split("/{")[0] in TEXT for route in control.ROUTES)
