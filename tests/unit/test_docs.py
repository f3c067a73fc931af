"""The documentation is true: its commands print what it shows, its specs load, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vgspec import load_spec
from vgspec.dev import examples, generate
from vgspec.frontend.argument_docs import ARGUMENTS, SPECIAL, argument_meaning
from vgspec.layers import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
PAGES = examples.pages()
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
RULE_PAGES = ROOT / "docs" / "reference" / "rules"
HAND = [path for path in PAGES if RULE_PAGES not in path.parents]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def specs_in(path: Path) -> list[tuple[str, str]]:
    found = []
    for block in examples.blocks(text_of(path)):
        if block.language in ("yaml", "json") and re.search(r'^\{?"?vgspec"?:', block.text, re.M):
            found.append((f"{path.relative_to(ROOT)}:{block.line}", block.text))
    return found


def has_console(path: Path) -> bool:
    return any(block.language == "console" for block in examples.blocks(text_of(path)))


SPECS = [item for path in HAND for item in specs_in(path)]
CONSOLE = [path for path in HAND if has_console(path)]
SLOW = [
    path
    for path in CONSOLE
    if any(block.language == "console" and examples.is_slow(block.text) for block in examples.blocks(text_of(path)))
]
WRONG = {"activaton"}
"""Words of the specs that show a mistake."""


def test_something_is_found() -> None:
    assert len(SPECS) > 15
    assert len(CONSOLE) > 5
    assert [path.name for path in SLOW] == ["tutorial.md"]


@pytest.mark.parametrize("text", [text for _, text in SPECS], ids=[name for name, _ in SPECS])
def test_specs_load(text: str) -> None:
    found = [f"{d.name}: {d.message}" for d in load_spec(text).diagnostics if d.name != "opaque-layer"]
    if any(word in text for word in WRONG):
        assert len(found) == 1
    else:
        assert found == []


@pytest.mark.parametrize("path", CONSOLE, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_print_what_is_shown(path: Path) -> None:
    assert examples.refreshed(text_of(path)) == text_of(path), "run python -m vgspec.dev.generate"


@pytest.mark.tensorflow
@pytest.mark.parametrize("path", SLOW, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_build_print_what_is_shown(path: Path) -> None:
    assert examples.refreshed(text_of(path), slow=True) == text_of(path)


def test_pages_with_commands_are_generated() -> None:
    generated = {item.path for item in generate.GENERATED}
    assert {str(path.relative_to(ROOT)) for path in CONSOLE} <= generated


def test_the_readme_shows_a_finding() -> None:
    block = next(block for block in examples.blocks(text_of(ROOT / "README.md")) if block.language == "console")
    assert block.text.startswith("$ vgspec lint specs/faulty/")
    assert "warning[" in block.text


@pytest.mark.parametrize("mark", ["main-command", "test-command"])
def test_the_readme_has_the_commands_that_ci_runs(mark: str) -> None:
    page = text_of(ROOT / "README.md")
    start = page.index(f"<!-- {mark} -->")
    block = next(block for block in examples.blocks(page) if block.start > start)
    assert block.language == "sh"
    first, install, last = block.text.splitlines()
    assert first == "python3 -m venv .venv"
    assert install.startswith(".venv/bin/pip install ")
    assert last.startswith(".venv/bin/")


PYTHON = [path for path in HAND if any(block.language == "python" for block in examples.blocks(text_of(path)))]


@pytest.mark.tensorflow
@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_examples_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a page in order, in a folder with the page's files; tests in them are called."""
    monkeypatch.setattr(REGISTRY, "found", dict(REGISTRY.found))
    monkeypatch.chdir(tmp_path)
    for block in examples.blocks(text_of(path)):
        if block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
        if block.language != "python":
            continue
        names: dict[str, object] = {"__name__": "example"}
        exec(compile(block.text, f"{path.name}:{block.line}", "exec", dont_inherit=True), names)
        for name, value in names.items():
            if name.startswith("test_") and callable(value):
                value()


def test_the_pre_commit_hooks_are_those_described() -> None:
    from ruamel.yaml import YAML

    from vgspec.cli.app import make_parser

    hooks = YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")
    assert len(hooks) == 2
    for hook in hooks:
        assert hook["id"] in text_of(ROOT / "docs" / "how-to" / "ci.md")
        program, command, *_ = hook["entry"].split()
        assert program in text_of(ROOT / "pyproject.toml")
        assert command in make_parser().commands


def anchors(page: str) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower().replace("`", "")).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_links_lead_somewhere(path: Path) -> None:
    page = re.sub(r"^```.*?^```", "", text_of(path), flags=re.M | re.S)
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in anchors(text_of(file))):
            wrong.append(target)
    assert wrong == []


def test_every_page_is_linked() -> None:
    """From the README, or from a page that is."""
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        for name in re.findall(r"\]\(([^)\s#]+)", text_of(page)):
            file = (page.parent / name).resolve()
            if file.suffix == ".md" and file.is_file():
                todo.append(file)
    assert [str(path.relative_to(ROOT)) for path in HAND if path not in seen] == []


# --- what arguments mean ------------------------------------------------------------------------------------


def described() -> set[tuple[str, str, str]]:
    """Every argument of every object: its kind, its owner and its name."""
    from vgspec.catalogue.base import FAMILIES, find, known_names
    from vgspec.layers.operations import find_operation, operation_names

    found: set[tuple[str, str, str]] = set()
    for kind in FAMILIES:
        for name in known_names(kind) if kind != "activation" else ():
            cls = find(kind, name)
            assert cls is not None
            found |= {(kind, cls.keras_name or cls.__name__, field) for field in cls.model_fields}
    for name in operation_names():
        operation = find_operation(name)
        assert operation is not None
        found |= {("operation", name, field) for field in operation.model_fields}
    return found


def test_every_argument_is_described() -> None:
    assert sorted(item for item in described() if not argument_meaning(*item)) == []


def test_no_description_is_left_over() -> None:
    used: set[str] = set()
    for kind, owner, name in described():
        keys = [key for key in (f"{owner}.{name}", f"{kind}.{name}") if key in SPECIAL]
        used.add(keys[0] if keys else name)
    assert sorted({*ARGUMENTS, *SPECIAL} - used) == []


@pytest.mark.parametrize("table", [ARGUMENTS, SPECIAL])
def test_descriptions_are_sentences(table: dict[str, str]) -> None:
    for name, text in table.items():
        assert re.fullmatch(r"[\w\"].*\.", text), name
        assert "\n" not in text
        assert len(text) <= 110, name
