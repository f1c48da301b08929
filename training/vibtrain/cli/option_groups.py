"""Options that several commands of `vibtrain` or `vibdash` share, written down once: a command takes them as a
dataclass, and typer, which knows nothing of that, sees its fields."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from inspect import Parameter
from typing import Any, get_type_hints


def flattened(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of each parameter that is a dataclass in that parameter's place.

    Fields are annotated, and have defaults, as typer's parameters do.
    """
    signature = inspect.signature(command, eval_str=True)
    plain: list[Parameter] = []
    groups: dict[str, tuple[Any, list[str]]] = {}
    for parameter in signature.parameters.values():
        if is_dataclass(group := parameter.annotation):
            options = _options(group)
            groups[parameter.name] = group, [option.name for option in options]
            plain += options
        else:
            plain.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

    def run(**given: Any) -> None:
        for name, (group, names) in groups.items():
            given[name] = group(**{option: given.pop(option) for option in names})
        command(**given)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in plain}
    run.__signature__ = signature.replace(parameters=plain)  # type: ignore[attr-defined]
    return run


def _options(group: Any) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
