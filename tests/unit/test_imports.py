"""Imports point one way, Keras is met only in the backends, and cold start stays cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vgspec"

BASE = {"collection", "diagnostics", "limits", "resources"}
"""Modules that import nothing of vgspec."""

MODEL = BASE | {"codes", "ir", "catalogue"}
LANGUAGE = MODEL | {"source", "expressions", "layers", "spec"}

ALLOWED: dict[str, set[str]] = {
    "collection": set(),
    "diagnostics": set(),
    "limits": set(),
    "resources": set(),
    "codes": {"diagnostics"},
    "files": {"diagnostics", "codes"},
    "source": {"diagnostics", "codes", "limits"},
    "expressions": {"diagnostics", "codes", "limits", "source"},
    "ir": {"diagnostics"},
    "catalogue": BASE | {"codes", "ir"},
    "layers": MODEL,
    "spec": MODEL | {"source"},
    "frontend": LANGUAGE,
    "importers": LANGUAGE | {"frontend"},
    "analysis": LANGUAGE | {"frontend", "importers"},
    "lint": LANGUAGE | {"frontend", "importers", "analysis", "files"},
    "backends": MODEL | {"layers", "files", "frontend.compile_section"},
    "report": MODEL | {"source", "analysis", "layers"},
    "settings": LANGUAGE | {"analysis", "lint", "report"},
}
"""What a part may import; parts that are not named here may import everything."""

DEFERRED: dict[str, set[str]] = {"catalogue": {"layers"}}
"""What a part may import inside functions and for type checking only: an activation may be a layer."""

FREE = {"__init__", "__main__", "api", "cli", "dev", "testing"}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the package with its dotted name, ``vgspec`` left out."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        yield ".".join(parts), path


def imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Every absolute name a file imports, wherever the import stands: the line, and whether it is deferred.

    ``from a import b`` gives ``a.b``, since ``b`` may be a module.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_load = set(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, node not in at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from ((f"{node.module}.{alias.name}", node.lineno, node not in at_load) for alias in node.names)


def test_every_part_has_its_place() -> None:
    parts = {name.partition(".")[0] for name, _ in modules()}
    assert parts - set(ALLOWED) - FREE == set()


@pytest.mark.parametrize("part", ALLOWED)
def test_imports_point_one_way(part: str) -> None:
    wrong = []
    for name, path in modules():
        if name.partition(".")[0] != part:
            continue
        for imported, line, deferred in imports(path):
            if not imported.startswith("vgspec."):
                continue
            target = imported.removeprefix("vgspec.")
            allowed = ALLOWED[part] | {part, "__version__"} | (DEFERRED.get(part, set()) if deferred else set())
            if not any(target == item or target.startswith(item + ".") for item in allowed):
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {imported}")
    assert wrong == []


def test_the_order_has_no_cycle() -> None:
    """A part that may import another is never imported by it."""
    for part, allowed in ALLOWED.items():
        for other in allowed:
            assert part not in ALLOWED.get(other.partition(".")[0], set()) or other == part


RECURSIVE = {
    "catalogue.activations": "an activation may be a layer, and a layer has activations",
    "importers.keras_config": "a layer may hold a network, which is read as a model is",
    "backends.keras_model": "a layer may hold a network, which is built as a model is",
}
"""One module of each circle that there may be, closed by an import inside a function, and why."""


def test_modules_have_no_circles() -> None:
    """Inside a part too; imports inside functions count, those for type checking do not."""
    paths = dict(modules())
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body = [ast.Pass()]
        found = {
            f"{node.module}.{alias.name}".removeprefix("vgspec.")
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vgspec.")
            for alias in node.names
        }
        graph[name] = {item if item in paths else item.rpartition(".")[0] for item in found} & set(paths) - {name}
    for name in RECURSIVE:
        assert name in _reached(graph, name), f"{name} is in no circle any more"
        members = {other for other in _reached(graph, name) if name in _reached(graph, other)}
        graph = {key: targets - (members if key in members else set()) for key, targets in graph.items()}
    assert [name for name in graph if name in _reached(graph, name)] == []


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    """What a module imports, directly or not."""
    found: set[str] = set()
    left = [start]
    while left:
        for target in graph[left.pop()] - found:
            found.add(target)
            left.append(target)
    return found


def test_keras_is_imported_only_by_the_backends() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {imported}"
        for name, path in modules()
        for imported, line, _ in imports(path)
        if imported.partition(".")[0] in {"keras", "tensorflow", "tf_keras", "jax", "torch"}
        and not name.startswith("backends")
    ]
    assert found == []


def test_nothing_imports_by_a_computed_name_that_could_be_keras() -> None:
    """``importlib`` would get round the test above; outside the backends it takes vgspec's own modules only."""
    import vgspec
    from vgspec.catalogue.base import FAMILIES

    tables = {"FAMILIES[kind]": FAMILIES, "_HOMES[name]": vgspec._HOMES}
    assert all(module.startswith("vgspec.") for table in tables.values() for module in table.values())
    wrong = []
    for name, path in modules():
        if name.startswith("backends"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "__import__"):
                target = ast.unparse(node.args[0])
                if not any(own in target for own in ("vgspec", "__name__")) and target not in tables:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {target}")
    assert wrong == []


SPEC = """vgspec: "1"
inputs: {x: {shape: [8]}}
layers:
  - Dense: {units: 4, activation: relu}
  - Conv2D: {filters: 2, kernel_size: 1}
"""

HEAVY = {"tensorflow", "keras", "jax", "torch"}


def loaded_after(code: str, *, cwd: Path, blocked: bool = False) -> set[str]:
    """The modules that a fresh interpreter has loaded after running ``code``."""
    prelude = "import sys\n"
    if blocked:
        prelude += f"for name in {sorted(HEAVY)!r}: sys.modules[name] = None\n"
    ending = "\nprint('\\n' + ' '.join(name for name, module in sys.modules.items() if module is not None))"
    done = subprocess.run(
        [sys.executable, "-c", prelude + code + ending], cwd=cwd, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_importing_vgspec_is_light(tmp_path: Path) -> None:
    loaded = loaded_after("import vgspec", cwd=tmp_path)
    assert loaded & (HEAVY | {"pydantic", "numpy", "rich", "jsonschema", "scipy", "ruamel.yaml"}) == set()


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["lint", "--help"]])
def test_calls_that_read_no_spec_are_light(tmp_path: Path, argv: list[str]) -> None:
    loaded = loaded_after(f"from vgspec.cli import main\nassert main({argv!r}) == 0", cwd=tmp_path)
    assert loaded & (HEAVY | {"pydantic", "numpy", "rich", "jsonschema", "scipy", "ruamel.yaml"}) == set()


@pytest.mark.parametrize("blocked", [False, True])
def test_lint_and_show_never_load_keras(tmp_path: Path, blocked: bool) -> None:
    """Also where importing it fails, as on a machine that has none."""
    (tmp_path / "good.yaml").write_text(SPEC.replace("Conv2D: {filters: 2, kernel_size: 1}", "Dense: {units: 1}"))
    (tmp_path / "bad.yaml").write_text(SPEC)
    code = """
from vgspec.cli import main
assert main(["lint", "good.yaml", "--exit-zero"]) == 0
assert main(["lint", "bad.yaml"]) == 1
assert main(["show", "good.yaml"]) == 0
"""
    loaded = loaded_after(code, cwd=tmp_path, blocked=blocked)
    assert loaded & (HEAVY | {"jsonschema", "rich", "hypothesis", "scipy"}) == set()
