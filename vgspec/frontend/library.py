"""A document's definitions, its own and the included ones: blocks and shared layers by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vgspec import codes
from vgspec.diagnostics import nearest
from vgspec.frontend.findings import Findings
from vgspec.limits import Limits
from vgspec.source import Document, MappingNode, ScalarNode, SNode, pointer_join

__all__ = ["Definition", "Library", "load_includes", "project_root"]


@dataclass(frozen=True, slots=True)
class Definition:
    """A block or shared layer: its node, and the library whose names it sees."""

    name: str
    node: SNode
    pointer: str
    library: Library


@dataclass(slots=True)
class Library:
    """Definitions of one document.

    Attributes:
        document: where they stand.
        includes: libraries by the name they are included as.
        names: values of the document's own parameters.
        bad: pointers with a schema-level finding; what lies there is not expanded.
        above_bad: pointers of all that such a place lies in.
        prefix: how the including documents name it, such as ``lib.``.
    """

    document: Document
    includes: dict[str, Library] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)
    bad: frozenset[str] = frozenset()
    prefix: str = ""
    above_bad: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Collect the pointers above bad ones, since every item asks for them."""
        above: set[str] = set()
        for pointer in self.bad:
            while pointer and (pointer := pointer.rpartition("/")[0]) not in above:
                above.add(pointer)
        self.above_bad = frozenset(above)

    @property
    def tainted(self) -> frozenset[str]:
        """Pointers at or below which the form is wrong."""
        return self.bad | self.above_bad if self.bad else self.bad

    @property
    def root(self) -> MappingNode | None:
        """The document's mapping, if it is one."""
        return self.document.root if isinstance(self.document.root, MappingNode) else None

    def section(self, name: str) -> MappingNode | None:
        """A top-level section that is a mapping."""
        node = self.root.get(name) if self.root is not None else None
        return node if isinstance(node, MappingNode) else None

    def find(self, section: str, name: str) -> Definition | None:
        """A block or shared layer by its name, ``lib.name`` for an included one."""
        first, _, rest = name.partition(".")
        own = self.section(section)
        if own is not None and (node := own.get(name)) is not None:
            return Definition(self.prefix + name, node, pointer_join("", section, name), self)
        if rest and first in self.includes:
            return self.includes[first].find(section, rest)
        return None

    def known(self, section: str) -> tuple[str, ...]:
        """Every name that `find` finds."""
        own = self.section(section)
        names = list(own.keys()) if own is not None else []
        for prefix, library in self.includes.items():
            names += [f"{prefix}.{name}" for name in library.known(section)]
        return tuple(names)

    def suggestion(self, section: str, name: str) -> str:
        """Help for an unknown name."""
        known = self.known(section)
        near = nearest(name, known)
        if near:
            return f"did you mean {near!r}?"
        return f"there are {', '.join(known[:8])}" if known else f"the document has no {section!r} section"


def project_root(path: Path) -> Path:
    """The folder that includes must not leave: the nearest with a project's marker, else the file's own."""
    folder = Path(os.path.realpath(path)).parent  # of a loop of links too, which reading reports
    for candidate in (folder, *folder.parents):
        if any((candidate / marker).exists() for marker in ("vgspec.toml", "pyproject.toml", ".git")):
            return candidate
    return folder


def load_includes(
    library: Library,
    path: Path | None,
    root: Path,
    findings: Findings,
    limits: Limits,
    read: Callable[[Path, str, str, tuple[Path, ...]], Library | None],
    trail: tuple[Path, ...],
) -> None:
    """Read the documents that a library includes, each once checked for cycles, depth and confinement."""
    node = library.root.get("include") if library.root is not None else None
    if node is None or isinstance(node, ScalarNode | MappingNode):
        return
    base = path.parent if path is not None else Path.cwd()
    for i, item in enumerate(node.items):
        if not isinstance(item, MappingNode):
            continue
        source, alias = item.get("from"), item.get("as")
        if not (isinstance(source, ScalarNode) and isinstance(source.value, str)):
            continue
        if not (isinstance(alias, ScalarNode) and isinstance(alias.value, str)):
            continue
        pointer = pointer_join("", "include", i, "from")

        def refuse(message: str, help: str = "", node: SNode = source, pointer: str = pointer) -> None:
            findings.add(
                codes.BAD_INCLUDE.diagnostic(
                    message, span=node.span, pointer=pointer, help=help, file=library.document.file
                )
            )

        if alias.value in library.includes:
            refuse(f"two includes are called {alias.value!r}")
            continue
        written = source.value
        if os.path.isabs(written) or "\\" in written or "\0" in written:
            refuse(f"an include is a relative path with '/', got {written!r}")
            continue
        target = Path(os.path.realpath(base / written))
        if not target.is_relative_to(root):
            refuse(f"{written!r} lies outside the project", help=f"includes stay below {root.name or root}/")
        elif target in trail:
            refuse(f"{written!r} includes itself" if target == trail[-1] else f"{written!r} includes this file in turn")
        elif len(trail) > limits.include_depth:
            refuse(f"more than {limits.include_depth} includes inside each other")
        elif not target.is_file():
            refuse(f"there is no file {written!r}")
        else:
            shown = os.path.join(os.path.dirname(library.document.file), written) if path is not None else written
            included = read(target, os.path.normpath(shown), f"{library.prefix}{alias.value}.", trail)
            if included is not None:
                library.includes[alias.value] = included
