"""Hostile documents: every limit is a diagnostic, soon, and never an exception."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from vgspec.analysis.memory import memory_of, too_large
from vgspec.cli.build import parse_size
from vgspec.cli.exits import UsageError
from vgspec.diagnostics import Diagnostic, nearest
from vgspec.frontend.load import load
from vgspec.limits import DEFAULT_LIMITS, Limits

HEAD = 'vgspec: "1"\ninputs: {x: {shape: [8]}}\n'
DENSE = "{Dense: {units: 2}}"


def found(text: str | Path, limits: Limits = DEFAULT_LIMITS) -> tuple[Diagnostic, ...]:
    spec = load(text, limits=limits)
    assert (spec.graph is None) == any(d.severity == "error" for d in spec.diagnostics)
    return spec.diagnostics


def only(text: str | Path, limits: Limits = DEFAULT_LIMITS, code: str = "VG005") -> Diagnostic:
    (diagnostic,) = found(text, limits)
    assert diagnostic.code == code, diagnostic
    return diagnostic


def laugh(levels: int, leaf: str, times: int = 10) -> str:
    """Blocks that use the block below them several times each."""
    blocks = [f"  b0: {{layers: {leaf}}}\n"]
    for i in range(1, levels):
        blocks.append(f"  b{i}: {{layers: [{', '.join([f'{{use: b{i - 1}}}'] * times)}]}}\n")
    return f"{HEAD}blocks:\n{''.join(blocks)}layers: [{{use: b{levels - 1}}}]\n"


def repeated(times: int, depth: int, body: str) -> str:
    text = body
    for _ in range(depth):
        text = f"[{{repeat: {{count: {times}}}, body: {text}}}]"
    return f"{HEAD}layers: {text}\n"


def test_file_size(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"{HEAD}layers: [{DENSE}]\n#{'x' * 1000}\n")
    assert found(path) == ()
    assert "1000" in only(path, Limits(max_bytes=1000)).message


def test_nesting_and_nodes() -> None:
    assert "deep" in only("x: " + "[" * 101 + "]" * 101 + "\n").message
    assert "nodes" in only("x: [1, 2, 3]\n", Limits(max_nodes=4)).message


def test_aliases() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    assert "aliases" in only("\n".join(lines) + "\n").message


def test_numbers() -> None:
    codes = {d.code for d in found(f"{HEAD}layers: [{{Dense: {{units: {'9' * 401}}}}}]\n")}
    assert "VG005" in codes


@pytest.mark.parametrize("body", ["[]", "[Identity]"])
def test_repeats_inside_repeats(body: str) -> None:
    limits = Limits(max_expansion_steps=2000, max_expanded_nodes=500)
    assert ("2000 steps" if body == "[]" else "500 layers") in only(repeated(10_000, 2, body), limits).message
    assert found(repeated(10, 2, body), limits) == ()


@pytest.mark.parametrize("leaf", ["[]", "[Identity]"])
def test_blocks_that_multiply(leaf: str) -> None:
    limits = Limits(max_expansion_steps=2000, max_expanded_nodes=1000)
    assert only(laugh(12, leaf), limits).pointer.startswith("/blocks/")
    assert not [d for d in found(laugh(3, leaf), limits) if d.code == "VG005"]


def test_the_default_limits_on_expansion_hold() -> None:
    assert "300000 steps" in only(repeated(10_000, 2, "[]")).message


def test_an_error_in_a_block_that_multiplies_is_one_finding() -> None:
    diagnostic = only(laugh(12, "[{Dense: {units: $nothing}}]"), code="VG011")
    assert "nothing" in diagnostic.message


def test_repeat_counts() -> None:
    assert "at most 10000" in only(repeated(10_001, 1, f"[{DENSE}]")).message
    assert "at most 3" in only(repeated(4, 1, f"[{DENSE}]"), Limits(max_repeat=3)).message


def test_blocks_inside_blocks() -> None:
    def chain(length: int) -> str:
        blocks = "".join(f"  b{i}: {{layers: [{{use: b{i - 1}}}]}}\n" for i in range(1, length))
        return f"{HEAD}blocks:\n  b0: {{layers: [Identity]}}\n{blocks}layers: [{{use: b{length - 1}}}]\n"

    assert found(chain(60)) == ()
    assert "64 deep" in only(chain(5000)).message


def test_ids() -> None:
    assert found(f"{HEAD}layers: [{{id: {'a' * 2000}, Dense: {{units: 1}}}}]\n") == ()
    assert "2000" in only(f"{HEAD}layers: [{{id: {'a' * 2001}, Dense: {{units: 1}}}}]\n").message


def test_long_words_are_not_quoted_whole() -> None:
    diagnostic = only(f"{HEAD}layers: [{{in: {'a' * 100_000}, Dense: {{units: 1}}}}]\n", code="VG030")
    assert len(diagnostic.message) < 1000


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("$(9 ** 9 ** 9)", "VG013"),
        ("$(2 ** 63)", "VG013"),
        (f"$({'(' * 100}1{')' * 100})", "VG013"),
        (f"$({'-' * 900}1)", "VG013"),
        (f"$({'1+' * 1000}1)", "VG013"),
    ],
)
def test_expressions(text: str, code: str) -> None:
    assert only(f'{HEAD}layers: [{{Dense: {{units: "{text}"}}}}]\n', code=code)


def test_tensor_sizes() -> None:
    most = DEFAULT_LIMITS.max_elements
    assert "elements" in only(f"{HEAD}layers: [{{Dense: {{units: {most + 1}}}}}]\n", code="VG050").message
    assert "kernel" in only(f"{HEAD}layers: [{{Dense: {{units: {most}}}}}]\n", code="VG050").message
    assert only(f'vgspec: "1"\ninputs: {{x: {{shape: [{most}, 2]}}}}\nlayers: [Flatten]\n', code="VG025")
    assert only(f'vgspec: "1"\ninputs: {{x: {{shape: [{"9" * 390}]}}}}\nlayers: [Flatten]\n', code="VG025")


def test_findings_are_counted_out() -> None:
    layers = "".join(f"  - {{Dens{i}: {{units: 1}}}}\n" for i in range(3000))
    diagnostics = found(f"{HEAD}layers:\n{layers}")
    assert len(diagnostics) == 1001
    assert diagnostics[-1].message == "there are more than 1000 findings; what follows was not looked at"
    layers = "".join(f"  - {{id: a{i}, in: zz{i}, Dense: {{units: 1}}}}\n" for i in range(3000))
    assert len(found(f"{HEAD}layers:\n{layers}")) == 1001


def test_suggestions_among_many_names() -> None:
    names = [f"layer_{i}" for i in range(100_000)]
    assert nearest("layer_0x", [*names, "zebra"]) is not None
    assert nearest("qqq", names) is None


class TestIncludes:
    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        (tmp_path / "pyproject.toml").write_text("")
        return tmp_path

    def write(self, path: Path, *included: str, model: bool = False) -> Path:
        path.parent.mkdir(exist_ok=True, parents=True)
        lines = "".join(f"  - {{from: {name}, as: i{i}}}\n" for i, name in enumerate(included))
        text = f'vgspec: "1"\n{"include:" if included else ""}\n{lines}blocks: {{b: {{layers: [Identity]}}}}\n'
        path.write_text(text + (f"inputs: {{x: {{shape: [8]}}}}\nlayers: [{DENSE}]\n" if model else ""))
        return path

    def test_depth(self, project: Path) -> None:
        for i in range(20):
            self.write(project / f"f{i}.yaml", f"f{i + 1}.yaml", model=i == 0)
        self.write(project / "f20.yaml")
        assert "16 includes inside each other" in found(project / "f0.yaml")[0].message

    def test_cycle(self, project: Path) -> None:
        self.write(project / "b.yaml", "a.yaml")
        assert "in turn" in only(self.write(project / "a.yaml", "b.yaml", model=True), code="VG035").message
        assert "itself" in only(self.write(project / "a.yaml", "a.yaml", model=True), code="VG035").message

    def test_multiplication(self, project: Path) -> None:
        for i in range(12):
            self.write(project / f"f{i}.yaml", *[f"f{i + 1}.yaml"] * 4, model=i == 0)
        self.write(project / "f12.yaml")
        assert "256 includes" in only(project / "f0.yaml").message

    @pytest.mark.parametrize("name", ["../secret.yaml", "a/../../secret.yaml", "/etc/passwd", "link.yaml"])
    def test_confinement(self, project: Path, name: str) -> None:
        inside = project / "project"
        self.write(project / "secret.yaml")
        model = self.write(inside / "m.yaml", name, model=True)
        (inside / "vgspec.toml").write_text("")
        (inside / "link.yaml").symlink_to(project / "secret.yaml")
        assert only(model, code="VG035")

    def test_no_file_that_would_block(self, project: Path) -> None:
        import os

        if hasattr(os, "mkfifo"):
            os.mkfifo(project / "pipe.yaml")
            assert only(self.write(project / "m.yaml", "pipe.yaml", model=True), code="VG035")


class TestMemory:
    HUGE = f"{HEAD}layers: [{{Dense: {{units: 1000000000000}}}}]\ncompile: {{optimizer: adam, loss: mse}}\n"

    def test_estimate(self) -> None:
        text = f"{HEAD}layers: [{{Dense: {{units: 10}}}}, {{Dense: {{units: 1, trainable: false}}}}]\n"
        memory = memory_of(load(text).require_graph())
        assert (memory.parameters, memory.weights, memory.training) == (101, 404, 0)
        compiled = memory_of(load(f"{text}compile: {{optimizer: adam, loss: mse}}\n").require_graph())
        assert compiled.training == 3 * 4 * 90
        assert compiled.largest == ("dense", 360)

    def test_a_huge_model_is_refused(self) -> None:
        graph = load(self.HUGE).require_graph()
        finding = too_large(graph)
        assert finding is not None
        assert finding.code == "VG068"
        assert "9,000,000,000,000 parameters" in finding.notes[0]
        assert too_large(graph, 10**15) is None

    def test_sizes(self) -> None:
        assert [parse_size(text) for text in ("5", "2k", "1.5GiB", "16 GB", "1TiB")] == [
            5, 2048, 3 * 2**29, 2**34, 2**40,
        ]  # fmt: skip
        for text in ("", "big", "-1", "1e9", "1XB"):
            with pytest.raises(UsageError):
                parse_size(text)


def test_every_limit_is_documented() -> None:
    text = Path(__file__).parents[2].joinpath("docs/reference/limits.md").read_text(encoding="utf-8")
    for limit in fields(Limits):
        value = getattr(DEFAULT_LIMITS, limit.name)
        row = next((line for line in text.splitlines() if line.startswith(f"| `{limit.name}` |")), "")
        assert row, limit.name
        assert f"| {value:,} |" in row, limit.name
