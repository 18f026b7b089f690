"""Printed snippets of Python, run as a cell of a notebook is."""

import ast
from typing import Any


def last_value(code: str) -> Any:
    """Return what a notebook's cell would show: the value of the last statement."""
    *before, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    space: dict[str, object] = {}
    exec(compile(ast.Module(before, []), "snippet", "exec"), space)
    return eval(compile(ast.Expression(last.value), "snippet", "eval"), space)
