"""Packs the extension for the web store: dist/scrapinsta-extension-VERSION.zip, the same bytes for the same files."""

import json
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTENSION = ROOT / "extension"
NOT_INSIDE = {"package.json", "icons/icon.svg"}
LONG_AGO = (2020, 1, 1, 0, 0, 0)


def members(extension: Path = EXTENSION) -> list[Path]:
    """What goes into the package, relative, in order: not the store's texts, not what only tests need."""
    files = sorted(path.relative_to(extension) for path in extension.rglob("*") if path.is_file())
    return [path for path in files if path.parts[0] != "store" and path.as_posix() not in NOT_INSIDE]


def pack(folder: Path, extension: Path = EXTENSION) -> Path:
    """Writes the package into `folder`; its path."""
    version = json.loads((extension / "manifest.json").read_text())["version"]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"scrapinsta-extension-{version}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for member in members(extension):
            info = zipfile.ZipInfo(member.as_posix(), LONG_AGO)
            info.external_attr = 0o644 << 16
            package.writestr(info, (extension / member).read_bytes(), zipfile.ZIP_DEFLATED)
    return path


if __name__ == "__main__":
    print(pack(ROOT / "dist").relative_to(ROOT))
    sys.exit(0)
