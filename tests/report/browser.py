"""A real Chromium, without a network, for looking at the report. Found by name; a test skips where there is none."""

import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["dump_page", "find_browser", "take_screenshot"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Whatever the page asks for resolves to nothing.
OFFLINE = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def find_browser() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine (Debian package `chromium`)")
    return found


def _browse(profile: Path, *arguments: str) -> str:
    command = [find_browser(), *OFFLINE, f"--user-data-dir={profile}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def dump_page(page: Path, profile: Path) -> str:
    """Return the page as the browser understood it."""
    return _browse(profile, "--dump-dom", page.as_uri())


def take_screenshot(page: Path, picture: Path, profile: Path, *, is_dark: bool) -> None:
    """Save a picture of the page."""
    dark = (
        ("--blink-settings=preferredColorScheme=0",)
        if is_dark
        else ("--blink-settings=preferredColorScheme=1",)
    )
    _browse(profile, *dark, "--window-size=1000,3000", f"--screenshot={picture}", page.as_uri())
