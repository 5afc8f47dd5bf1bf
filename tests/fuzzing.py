"""schemathesis against a real server: whatever the description allows, and much that it does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from support import TOKEN, Server

Json = dict[str, Any]

TASKS = '''
from datetime import date


def nightly_report(day: date = date(2026, 1, 31), dry_run: bool = False) -> dict:
    """Send yesterday's figures."""
    print(f"the figures of {day}")
    return {"sent": 3}


def fetch(shop: str = "Kiel", most: int = 3):
    """Fetch the stock of a shop."""
    raise TimeoutError(f"{shop} is slow")
'''
UNLIMITED = {
    "CRONAPP_API_RATE": "0",
    "CRONAPP_API_REFUSALS": "0",
    "CRONAPP_SECRET_KEY": "a-key-for-tests-of-43-letters-0123456789abc",
}
PLACED = {
    "job_id": ["nightly-report", "stock"],
    "run_id": [1, 2, 3],
    "note_id": [1],
    "token_id": [2],
    "backfill_id": [1],
    "name": ["nightly_report", "ada", "SHOP_PASSWORD", "mail"],
}
"""What is there, and stands in addresses now and then."""
CONFIG = """
[checks]
# A body that is as is described may be refused all the same: what fits a task or lies ahead, no schema says.
positive_data_acceptance.enabled = false
# A job may be called "bulk", so its methods are allowed at /jobs/bulk as well.
allow_header_conformance.enabled = false
# Whose version is old is told so whatever else is wrong.
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 409, 412, 413, 422, 429]

[phases.coverage]
# Of the methods that an address does not take, one is as good as another.
unexpected-methods = ["TRACE"]
generate-duplicate-query-parameters = false

# A token that was revoked is told of for 30 days.
[[operations]]
include-path-regex = "/tokens"
checks.use_after_free.enabled = false

# A server that is emptied for a restart says by 503 that it is not ready, as it should.
[[operations]]
include-operation-id = "restart_begin"
enabled = false
"""


@dataclass
class Fuzz:
    """One run of it. `token` comes with each request, if there is one."""

    server: Server
    token: str

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        folder = self.server.folder
        (folder / "openapi.json").write_text(json.dumps(placed(description(self.server))))
        (folder / "schemathesis.toml").write_text(CONFIG)
        who = ("--header", f"Authorization: Bearer {self.token}") if self.token else ()
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", self.server.url, "--no-color"),
            *(
                "--request-timeout",
                "30",
                "--suppress-health-check",
                "all",
                "--warnings",
                "off",
                "--output-sanitize",
                "false",
                *who,
                *options,
            ),
        ]
        paths = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))))
        env = {**os.environ, "PYTHONPATH": paths, "SCHEMATHESIS_HOOKS": "fuzz_checks"}
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def description(server: Server) -> Json:
    reply = httpx.get(
        f"{server.url}/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30, verify=False
    )
    described: Json = reply.raise_for_status().json()
    return described


def placed(described: Json) -> Json:
    """The description, with addresses of what is there among those that are thought up."""
    told = deepcopy(described)
    for methods in told["paths"].values():
        for call in methods.values():
            for one in call["parameters"]:
                if one["in"] == "path" and one["name"] in PLACED:
                    one["schema"] = {"anyOf": [{"enum": PLACED[one["name"]]}, one["schema"]]}
    return told


def furnished(folder: Path) -> Server:
    """A server with something of everything, which takes as many calls as come."""
    server = Server(folder, tasks=TASKS, env=UNLIMITED).start()
    schedule = {"kind": "cron", "expression": "0 3 * * *"}
    for job, task in (("nightly-report", "nightly_report"), ("stock", "fetch")):
        made(server, "POST", "/jobs", {"id": job, "task": task, "schedule": schedule, "tags": ["finance"]})
        made(server, "POST", f"/jobs/{job}/run")
        made(server, "POST", f"/jobs/{job}/notes", {"text": "A note."})
    made(server, "POST", "/users", {"name": "ada", "password": "a long sentence of ours", "role": "admin"})
    made(server, "PUT", "/secrets/SHOP_PASSWORD", {"value": "s3cret-s3cret"})
    made(server, "PUT", "/limits/queue/mail", {"max_running": 2, "rate": "10/m"})
    return server


def made(server: Server, method: str, path: str, body: Json | None = None) -> Json:
    told: Json = server.api(method, path, json=body).raise_for_status().json()
    return told


def viewer(server: Server) -> str:
    """A token that only looks."""
    return str(made(server, "POST", "/tokens", {"role": "viewer"})["token"])
