"""What people and programs say of a job: JSON in, a checked `JobSpec` out, and back."""

from cronapp.core.spec.draft import Draft, parse_draft
from cronapp.core.spec.notify import MASKED, notify_of, parse_rule, rule_from_json, rule_to_json, with_urls
from cronapp.core.spec.parsing import PARALLEL, parse_fields, parse_spec
from cronapp.core.spec.sparse import bare, sparse
from cronapp.core.spec.stored import (
    retry_to_json,
    schedule_to_json,
    spec_from_json,
    spec_to_json,
    trigger_for,
    zone_of,
)
from cronapp.core.spec.timing import FAR, YEARS, Timing, parse_timing

__all__ = [
    "FAR",
    "MASKED",
    "PARALLEL",
    "YEARS",
    "Draft",
    "Timing",
    "bare",
    "notify_of",
    "parse_draft",
    "parse_fields",
    "parse_rule",
    "parse_spec",
    "parse_timing",
    "retry_to_json",
    "rule_from_json",
    "rule_to_json",
    "schedule_to_json",
    "sparse",
    "spec_from_json",
    "spec_to_json",
    "trigger_for",
    "with_urls",
    "zone_of",
]
