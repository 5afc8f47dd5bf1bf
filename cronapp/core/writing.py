"""A job as the files and calls that make it: YAML, JSON, curl."""

from __future__ import annotations

import json

from cronapp.core.book import book_text, entry
from cronapp.core.models import JobSpec
from cronapp.core.references import referring
from cronapp.core.spec import sparse


def json_text(spec: JobSpec) -> str:
    """The body of `POST /api/v1/jobs`."""
    return json.dumps(sparse(spec), indent=2, ensure_ascii=False)


def yaml_text(*specs: JobSpec) -> str:
    """A `jobs.yaml` with these jobs."""
    return book_text(referring(map(entry, specs)))


def curl_text(spec: JobSpec) -> str:
    """The call that makes the job, for a shell; the address and the token come from the environment."""
    return (
        'curl "$CRONAPP_URL/api/v1/jobs" \\\n'
        '  --header "Authorization: Bearer $CRONAPP_TOKEN" \\\n'
        '  --header "Content-Type: application/json" \\\n'
        f"  --data-binary @- <<'JSON'\n{json_text(spec)}\nJSON"
    )
