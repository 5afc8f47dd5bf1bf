"""schemathesis against a server of its own, as an administrator, a viewer and nobody known: `make fuzz`.

What is given goes on to `schemathesis run`, as `--max-examples 500` or `--include-path-regex jobs`. Ends with the
status 1 if the API answered what is not described.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fuzzing import Fuzz, furnished, viewer  # noqa: E402
from support import TOKEN  # noqa: E402


def main(given: list[str]) -> int:
    wrong = 0
    for who in ("nobody", "viewer", "administrator"):
        with tempfile.TemporaryDirectory(prefix="cronapp-fuzz-") as folder:
            server = furnished(Path(folder))
            try:
                token = {"nobody": "", "viewer": viewer(server), "administrator": TOKEN}[who]
                done = Fuzz(server, token).run(*given)
                print(f"== {who}\n{done.stdout}{done.stderr}", flush=True)
                faults = [line for line in server.text().splitlines() if " fault " in line]
                print(*faults, sep="\n", flush=True)
                wrong += done.returncode != 0 or bool(faults)
            finally:
                server.kill()
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:] or ["--max-examples", "100"]))
