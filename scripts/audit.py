"""Asks whether any of the pinned packages is known to be vulnerable. The exit status is 1 if one is, and 2 if nobody
could be asked; with --or-say-so that is told in a line, and is no failure."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PINNED = Path(__file__).resolve().parents[1] / "constraints.txt"
SERVICES = ("pypi", "osv")
LIMIT = 120  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--or-say-so", action="store_true", help="no failure if nobody can be asked")
    parser.add_argument("--pinned", type=Path, default=PINNED, help="a list of exact versions")
    asked = parser.parse_args()
    answers = (answer(service, asked.pinned) for service in SERVICES)
    told = next((found for found in answers if found is not None), None)
    if told is None:
        print("The pinned packages were NOT looked up: no service with known vulnerabilities can be reached from here.")
        return 0 if asked.or_say_so else 2
    return report(told)


def answer(service: str, pinned: Path) -> list[dict[str, Any]] | None:
    """Each package with what is known of it; None if the service did not answer."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(pinned), "--no-deps", "--disable-pip"]
    command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return None
    # A mirror that has packages but knows nothing of them skips each.
    return packages if any("vulns" in package for package in packages) else None


def report(packages: list[dict[str, Any]]) -> int:
    wrong = [(package, known) for package in packages for known in package.get("vulns", ())]
    for package, known in wrong:
        mended = ", ".join(known["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']} has {known['id']}, mended by {mended}.")
    skipped = [package["name"] for package in packages if "vulns" not in package]
    if skipped:
        print(f"Of these nothing is known: {', '.join(skipped)}.")
    if not wrong:
        print(f"None of {len(packages) - len(skipped)} pinned packages is known to be vulnerable.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
