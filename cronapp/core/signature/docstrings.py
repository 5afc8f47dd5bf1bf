"""What docstrings say of parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator


def parameter_help(doc: str) -> dict[str, str]:
    """What a docstring says of each parameter, in Google's, NumPy's or reST's style."""
    found = dict(_rest_style(doc))
    section = re.search(r"^(Args|Arguments|Parameters|Params):?[ \t]*\n(?:-{3,}[ \t]*\n)?((?:.*\n?)*)", doc, re.M)
    if section:
        found |= _listed(section[2].split("\n"), numpy=section[0].count("---") > 0)
    return {name: " ".join(text.split()) for name, text in found.items() if text.strip()}


def _rest_style(doc: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r"^:param (?:[^:\n]*\s)?\*{0,2}(\w+):(.*(?:\n[ \t]+.*)*)", doc, re.M):
        yield match[1], match[2]


def _listed(lines: list[str], *, numpy: bool) -> dict[str, str]:
    """`name (type): text` with deeper lines that go on, or NumPy's `name : type` with the text below it."""
    head = re.compile(r"\s*\*{0,2}(\w+)\s*(?::.*)?()$" if numpy else r"\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?:(.*)$")
    found: dict[str, str] = {}
    margin, name = None, ""
    for line in lines:
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        margin = indent if margin is None else margin
        if indent < margin or (not numpy and indent == 0) or line.lstrip().startswith("---"):
            break
        match = head.match(line) if indent == margin else None
        if match:
            name = match[1]
            found[name] = match[2]
        elif name:
            found[name] += " " + line.strip()
    return found
