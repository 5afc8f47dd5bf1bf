"""Python source as lines of HTML, coloured by classes of the style sheet."""

from __future__ import annotations

import io
import keyword
import tokenize
from collections.abc import Iterator

from markupsafe import Markup, escape

STRINGS = frozenset({"STRING", "FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END"})
Piece = tuple[int, int, int, int, str]
"""From row and column to row and column (rows count from 1), and the class."""


def lines_of(source: str) -> list[Markup]:
    """The lines of a source. What Python itself cannot read stays plain from there on."""
    lines = source.splitlines()
    marks: list[list[tuple[int, int, str]]] = [[] for _ in lines]
    for top, left, bottom, right, kind in pieces(source):
        for row in range(top, min(bottom, len(lines)) + 1):
            start = left if row == top else 0
            end = right if row == bottom else len(lines[row - 1])
            marks[row - 1].append((start, end, kind))
    return [marked(line, some) for line, some in zip(lines, marks, strict=True)]


def pieces(source: str) -> Iterator[Piece]:
    named = False
    at_start = True
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            kind = "d" if named and token.type == tokenize.NAME else kind_of(token, at_start)
            named = token.string in ("def", "class")
            at_start = token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
            if kind:
                yield *token.start, *token.end, kind
    except (tokenize.TokenError, SyntaxError):
        return


def kind_of(token: tokenize.TokenInfo, at_start: bool) -> str:
    name = tokenize.tok_name[token.type]
    if name == "COMMENT":
        return "c"
    if name in STRINGS:
        return "s"
    if name == "NUMBER" or token.string in ("True", "False", "None"):
        return "n"
    if name == "NAME" and keyword.iskeyword(token.string):
        return "k"
    return "a" if token.string == "@" and at_start else ""


def marked(line: str, marks: list[tuple[int, int, str]]) -> Markup:
    html, done = [], 0
    for start, end, kind in marks:
        html.append(escape(line[done:start]))
        html.append(Markup('<span class="y-{}">{}</span>').format(kind, line[start:end]))
        done = end
    html.append(escape(line[done:]))
    return Markup("").join(html)
