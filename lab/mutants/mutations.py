"""Every changed form of a file that is worth a trial: Cosmic Ray's mutations, without those that repeat each other."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator

from .dropped_statement import DropStatement

# Cosmic Ray puts each of twelve operators in the place of each other. A test that notices one of them nearly always
# notices all, which would only flatter the score: one is tried, and of comparisons the neighbour and the opposite.
ARITHMETIC = (
    "Add_Sub", "Sub_Add", "Mul_Add", "Div_Mul", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul",
    "LShift_RShift", "RShift_LShift", "BitOr_BitAnd", "BitAnd_BitOr", "BitXor_BitOr",
)  # fmt: skip
COMPARISONS = (
    "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt",
    "Is_IsNot", "IsNot_Is",
)  # fmt: skip
OTHERS = (
    "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ExceptionReplacer", "NumberReplacer",
    "RemoveDecorator", "ZeroIterationForLoop", "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_USub_UAdd",
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """`code` is the whole changed file; `where` the function, `was` and `becomes` the lines that differ."""

    code: str
    where: str
    was: str
    becomes: str
    line: int

    @property
    def identity(self) -> tuple[str, str, str]:
        """What it is known by while lines move."""
        return self.where, self.was, self.becomes


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a file once. One that differs in annotations alone is none."""
    seen, tree = {_meaning(source)}, get_ast(source)
    for operator in _operators():
        places = sum(len(list(operator.mutation_positions(node))) for node in ast_nodes(tree))
        for occurrence in range(places):
            try:
                code = mutate_code(source, operator, occurrence)
                meaning = _meaning(code)
            except (SyntaxError, AttributeError):  # as it cannot change `except (module.Error, Other)`
                continue
            if meaning not in seen:
                seen.add(meaning)
                yield _described(source, code)


def _operators() -> Iterable[Operator]:
    names = [f"ReplaceBinaryOperator_{one}" for one in ARITHMETIC]
    names += [f"ReplaceComparisonOperator_{one}" for one in COMPARISONS]
    for name in (*names, *OTHERS):
        yield cosmic_ray.plugins.get_operator(f"core/{name}")()
    yield DropStatement()


def _described(source: str, code: str) -> Mutant:
    old, new = source.splitlines(), code.splitlines()
    first = _alike(old, new)
    last = _alike(old[:first:-1], new[:first:-1])
    was, becomes = old[first : len(old) - last], new[first : len(new) - last]
    return Mutant(code, _function_at(source, first + 1), _in_a_row(was), _in_a_row(becomes), first + 1)


def _alike(lines: list[str], others: list[str]) -> int:
    """How many lines are the same from the start on."""
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(lines, others, strict=False))))


def _in_a_row(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def _function_at(source: str, line: int) -> str:
    """The dotted name of the innermost class or function that holds a line; empty for none."""
    names: list[str] = []
    body = ast.parse(source).body
    while True:
        named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        around = [
            one for one in body if isinstance(one, named) and one.lineno <= line <= (one.end_lineno or 0)
        ]
        if not around:
            return ".".join(names)
        names.append(around[0].name)
        body = around[0].body


class _WithoutAnnotations(ast.NodeTransformer):
    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


def _meaning(source: str) -> str:
    return ast.dump(_WithoutAnnotations().visit(ast.parse(source)))
