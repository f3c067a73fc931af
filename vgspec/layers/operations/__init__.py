"""Operations: functions of ``keras.ops`` as nodes, named ``ops.add``, ``ops.reshape`` and so on.

See `vgspec.layers.operations.base` for how a spec writes them, `vgspec.layers.operations.table` for all of
them. The table is data: a family loads when a document first names one of its operations.
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Mapping
from functools import cache

from vgspec.layers.operations.base import Operation

__all__ = ["PREFIX", "Operation", "find_operation", "from_keras_class", "operation_names"]

PREFIX = "ops."


@cache
def find_operation(name: str) -> type[Operation] | None:
    """The descriptor of an operation by its name in a spec, such as ``ops.add``; None if there is none."""
    from vgspec.layers.operations.table import ROWS

    row = ROWS.get(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
    if row is None:
        return None
    module, _, family_name = row.family.partition(".")
    family: type[Operation] = getattr(importlib.import_module(f"{__name__}.{module}"), family_name)
    namespace = {
        "__module__": family.__module__,
        "__doc__": row.summary,
        "keras_name": row.name,
        "keras_classes": row.classes,
        "min_keras": row.min_keras,
        **row.settings,
    }
    made: type[Operation] = types.new_class(name, (family,), exec_body=lambda body: body.update(namespace))
    return made


def operation_names() -> tuple[str, ...]:
    """The names of all operations that a spec may use, sorted."""
    from vgspec.layers.operations.table import ROWS

    return tuple(sorted(PREFIX + name for name in ROWS))


@cache
def _by_class() -> Mapping[str, str]:
    from vgspec.layers.operations.table import ROWS

    found: dict[str, str] = {}
    for row in ROWS.values():
        for name in row.classes:
            found.setdefault(name, PREFIX + row.name)
    return found


def from_keras_class(name: str) -> str | None:
    """The operation behind a class of ``keras.src.ops``, as the config of a functional model names it.

    In the config an operation's settings are the class's ``config``, and the arguments of its call stand
    under ``inbound_nodes`` in the order of `Operation.keras_parameters`, literals among them.
    """
    return _by_class().get(name)
