"""What schemathesis does besides its own: it lets no stream go on, and looks what a refusal names."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """A stream of events would go on for as long as somebody waits."""
    if case.operation.path == "/api/v1/events" and str((case.query or {}).get("follow", "1")) == "1":
        case.query = {**(case.query or {}), "follow": "0"}


@schemathesis.check
def refused_fields_are_named(_context: Any, response: Any, case: Any) -> None:
    """A sentence for each wrong field, by a name that is described, or that was sent."""
    if response.status_code != 422 or (told := response.json())["title"] != "Invalid input":
        return
    assert told["errors"], "no field is named"
    sent = case.body if isinstance(case.body, dict) else {}
    known = {*fields_of(case.operation), *sent, *(case.query or {})}
    strange = [name for name in told["errors"] if name not in known and name.split(".")[0] not in known]
    assert not strange, f"{strange} is neither described nor sent"


def fields_of(operation: Any) -> set[str]:
    """Of the body, the address and the headers, as the description has them."""
    raw = operation.definition.raw
    names = {one["name"] for one in raw["parameters"]}
    for content in raw.get("requestBody", {}).get("content", {}).values():
        model = content["schema"]["$ref"].rpartition("/")[2]
        names |= operation.schema.raw_schema["components"]["schemas"][model].get("properties", {}).keys()
    return names
