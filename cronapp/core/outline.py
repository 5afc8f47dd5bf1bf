"""How a function is declared, in its author's own words: parameters, annotations and defaults as they are written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One parameter. Empty texts: nothing is written there."""

    name: str  # with its stars
    annotation: str
    default: str

    @property
    def type(self) -> str:
        """The annotation without what `Annotated` adds to it, which the bounds tell."""
        try:
            tree = ast.parse(self.annotation, mode="eval").body
        except SyntaxError:
            return self.annotation
        if isinstance(tree, ast.Subscript) and ast.unparse(tree.value).rpartition(".")[2] == "Annotated":
            inner = tree.slice.elts[0] if isinstance(tree.slice, ast.Tuple) and tree.slice.elts else tree.slice
            return ast.unparse(inner)
        return self.annotation


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    parameters: tuple[Declared, ...]
    returns: str
    awaited: bool  # async def


def outline_of(source: str) -> Outline | None:
    """The outline of the first function in a source; None where there is none, as where the source is not to be had."""
    try:
        tree = ast.parse(dedent(source))
    except (SyntaxError, ValueError):
        return None
    found = next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)), None)
    if found is None:
        return None
    return Outline(
        parameters=tuple(_declared(found.args)),
        returns=_written(found.returns),
        awaited=isinstance(found, ast.AsyncFunctionDef),
    )


def _declared(args: ast.arguments) -> Iterator[Declared]:
    plain = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(args.defaults)) + list(args.defaults)
    yield from (_one(arg, default) for arg, default in zip(plain, defaults, strict=True))
    if args.vararg:
        yield _one(args.vararg, None, "*")
    yield from (_one(arg, default) for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True))
    if args.kwarg:
        yield _one(args.kwarg, None, "**")


def _one(arg: ast.arg, default: ast.expr | None, stars: str = "") -> Declared:
    return Declared(name=stars + arg.arg, annotation=_written(arg.annotation), default=_written(default))


def _written(node: ast.expr | None) -> str:
    return ast.unparse(node) if node else ""
