"""A mutation that Cosmic Ray lacks: a statement that is done for its effect is left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import parso
from cosmic_ray.operators.operator import Example, Operator

Position = tuple[tuple[int, int], tuple[int, int]]
FOR_THEIR_EFFECT = ("return_stmt", "raise_stmt", "del_stmt")
REACHES_INTO = ("atom_expr", "power")  # a call, an attribute, an item; awaited or not


class DropStatement(Operator):  # type: ignore[misc]
    """Puts `pass` in the place of a call, a `return` of a value, a `raise`, or an assignment to other than a name."""

    def mutation_positions(self, node: Any) -> Iterable[Position]:
        """Where `node` can be changed: its first statement, or nowhere."""
        if node.type == "simple_stmt" and _has_an_effect(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """`node` with `pass` in place of its statement."""
        nothing: Any = parso.parse("pass").children[0]  # type: ignore[no-untyped-call]
        nothing.get_first_leaf().prefix = node.children[0].get_first_leaf().prefix
        node.children[0] = nothing
        return node

    @classmethod
    def examples(cls) -> Iterable[Example]:
        """What it does."""
        return (Example("store.close()\n", "pass\n"), Example("self.n += 1\n", "pass\n"))


def _has_an_effect(statement: Any) -> bool:
    if statement.type != "expr_stmt":
        return str(statement.type) in (*REACHES_INTO, *FOR_THEIR_EFFECT)
    target, how = statement.children[:2]
    if how.type != "operator" or how.value != "=":  # += and the like, and what is annotated
        return bool(how.type == "operator" or target.type != "name")
    # That a name alone was given no value is noticed at once: no trial is spent on it.
    parts = (target, *getattr(target, "children", ()))
    return target.type != "name" and any(one.type in REACHES_INTO for one in parts)
