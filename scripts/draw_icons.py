"""Draws the extension's icons: extension/icons/icon.svg in every size that a browser asks for."""

import base64
import shutil
import sys
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

ICONS = Path(__file__).parents[1] / "extension" / "icons"
SIZES = (16, 32, 48, 128)


def draw(folder: Path = ICONS) -> None:
    """Writes 16.png, 32.png ... beside icon.svg, transparent around the drawing."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(flag)
    picture = base64.b64encode((folder / "icon.svg").read_bytes()).decode()
    with webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver"))) as driver:
        driver.execute_cdp_cmd(
            "Emulation.setDefaultBackgroundColorOverride", {"color": {"r": 0, "g": 0, "b": 0, "a": 0}}
        )
        for size in SIZES:
            page = f'<body style="margin:0"><img width={size} height={size} src="data:image/svg+xml;base64,{picture}">'
            driver.get("data:text/html," + page)
            clip = {"x": 0, "y": 0, "width": size, "height": size, "scale": 1}
            shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
            (folder / f"{size}.png").write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    draw()
    sys.exit(0)
