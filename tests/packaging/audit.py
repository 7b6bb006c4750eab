"""Looks up the locked packages among the known vulnerabilities, for `make check`.

`python tests/packaging/audit.py [LOCK]` ends with 1 where one is found. Where the database (OSV) can't be reached, it
says so and ends with 0: a check on a train must not fail.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path(__file__).parents[2] / "requirements-extras.lock"
OSV_URL = os.environ.get("OSV_URL", "https://api.osv.dev/v1/query")
AWAY = re.compile(
    r"requests\.exceptions\.(ProxyError|ConnectionError|ConnectTimeout|ReadTimeout|SSLError)|ConnectionError:"
)


def main() -> int:
    """Audit; return the exit code."""
    lock = Path(sys.argv[1]) if len(sys.argv) > 1 else LOCK
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "audit.json"
        finished = subprocess.run(
            [
                *(sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv", "--osv-url", OSV_URL),
                *("--requirement", lock, "--require-hashes", "--disable-pip", "--timeout", "5"),
                *("--progress-spinner", "off", "--format", "json", "--output", report),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if report.exists():
            return tell(json.loads(report.read_text()))
    if AWAY.search(finished.stderr):
        print(f"{lock.name}: not audited, for the database of vulnerabilities can't be reached from here")
        return 0
    print(finished.stderr, file=sys.stderr)
    return 1


def tell(report: dict[str, list[dict[str, object]]]) -> int:
    """Print what was found; return the exit code."""
    packages = report["dependencies"]
    bad = [package for package in packages if package.get("vulns")]
    for package in bad:
        vulnerabilities = package["vulns"]
        assert isinstance(vulnerabilities, list)
        for found in vulnerabilities:
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            print(f"{package['name']} {package['version']}: {found['id']}, mended in {fixed}")
    print(
        f"{len(packages)} locked packages, {len(bad)} with known vulnerabilities"
        + ("; make lock" if bad else "")
    )
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
