"""Puts the files that stand in the checkout's root into the wheel's package; an editable install has them already."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CARRIED = ("serve_config.yaml", "cluster.yaml", "schema.sql")


class CarriedFiles(BuildHookInterface):  # type: ignore[type-arg,misc]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"].update({name: f"scrapinsta_ray/{name}" for name in CARRIED})
