"""Whether the process of this container is alive: a server, or a worker. What the image's health check asks."""

import os
import sys
import urllib.request

WORKER = os.environ.get("CRONAPP_WORKER_LISTEN", "")
SERVER = "127.0.0.1:" + os.environ.get("CRONAPP_PORT", "5000")

for address in (SERVER, WORKER if ":" in WORKER else f"127.0.0.1:{WORKER}"):
    try:
        urllib.request.urlopen(f"http://{address}/healthz", timeout=2)
        sys.exit(0)
    except (OSError, ValueError) as error:
        print(f"{address}: {error}")
sys.exit(1)
