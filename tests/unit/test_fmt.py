"""``vgspec fmt``: one form, the same meaning, comments in their places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vgspec.cli.app import main
from vgspec.cli.fmt import canonical_text
from vgspec.source import parse_text

SPECS = sorted((Path(__file__).parents[2] / "specs").rglob("*.yaml"))

MESSY = """\
# a model
layers:   # what it is made of
    # the first one
    - Dense:   {activation: 'relu',   units: 4}   # wide


    - {ReLU: {}}
    - with: {n: 2}
      use: tail
      id: end
blocks: {tail: {layers: [{Dense: {units: $n, kernel_regularizer: {L2: {l2: 1e-3}}}}], params: {n: {type: int}}}}
inputs:
  x: {shape: [8]}
vgspec: "1"
# the end
"""

TIDY = """\
vgspec: "1"
inputs:
  x: {shape: [8]}
blocks:
  tail:
    params: {n: {type: int}}
    layers:
      - Dense: {units: $n, kernel_regularizer: {L2: {l2: 1e-3}}}
# a model
layers:  # what it is made of
  # the first one
  - Dense: {activation: relu, units: 4}  # wide

  - ReLU
  - {id: end, use: tail, with: {n: 2}}
# the end
"""


def test_the_canonical_form() -> None:
    assert canonical_text(parse_text(MESSY)[0]) == TIDY


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_formatting_is_idempotent_and_keeps_meaning_and_comments(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    document, _ = parse_text(text)
    once = canonical_text(document)
    again, problems = parse_text(once)
    assert problems == []
    assert canonical_text(again) == once
    assert again.root is not None
    assert document.root is not None
    assert sorted(line.split("#", 1)[1] for line in text.splitlines() if line.lstrip().startswith("#")) == sorted(
        line.split("#", 1)[1] for line in once.splitlines() if line.lstrip().startswith("#")
    )


def test_a_comment_keeps_its_item_in_block_form() -> None:
    text = 'vgspec: "1"\ninputs: {x: {shape: [4]}}\nlayers:\n  - Dense:\n      units: 3  # three\n      # none\n      use_bias: false\n'
    formatted = canonical_text(parse_text(text)[0])
    assert "      units: 3  # three\n      # none\n      use_bias: false\n" in formatted
    assert canonical_text(parse_text(formatted)[0]) == formatted


def test_a_number_sign_in_text_is_no_comment() -> None:
    text = 'vgspec: "1"\ndescription: "a # b"\ninputs:\n  x: {shape: [4]}\nlayers:\n  - Dense: {units: 3}\n'
    assert canonical_text(parse_text(text)[0]) == text


def test_check_writes_nothing_and_fails(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(MESSY)
    assert main(["fmt", "--check", str(path)]) == 1
    assert path.read_text() == MESSY
    assert main(["fmt", str(path)]) == 0
    assert path.read_text() == TIDY
    assert main(["fmt", "--check", str(path)]) == 0


def test_what_cannot_be_formatted_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    before_its_anchor = 'layers: [{Dense: &a {units: 3}}]\nshared: {d: {Dense: *a}}\nvgspec: "1"\n'
    for text in (before_its_anchor, "vgspec: [\n"):
        path.write_text(text)
        assert main(["fmt", str(path)]) == 1
        assert path.read_text() == text


ANCHORED = """\
inputs: {x: &s {shape: [4]}, y: *s}
layers:
  - {in: x, id: d, Dense: &c {units: 8, activation: &act relu}}   # trailing
  - {id: d2, in: d, Dense: *c}
  - &it
    # its own
    Dense: {units: &n 3}   # three
  - *it
  - &again {Dense: {units: *n, activation: *act}}
  - body: &body
      - *again
      - Flatten: &none {}
      - Flatten: *none
    repeat: 2
  - residual: {body: *body}
vgspec: "1"
"""

ANCHORED_TIDY = """\
vgspec: "1"
inputs:
  x: &s {shape: [4]}
  y: *s
layers:
  - {id: d, in: x, Dense: &c {units: 8, activation: &act relu}}  # trailing
  - {id: d2, in: d, Dense: *c}
  # its own
  - &it {Dense: {units: &n 3}}  # three
  - *it
  - &again {Dense: {units: *n, activation: *act}}
  - repeat: 2
    body: &body
      - *again
      - Flatten: &none {}
      - {Flatten: *none}
  - residual: {body: *body}
"""


def test_anchors_and_aliases_stay() -> None:
    assert canonical_text(parse_text(ANCHORED)[0]) == ANCHORED_TIDY
    assert canonical_text(parse_text(ANCHORED_TIDY)[0]) == ANCHORED_TIDY


def test_a_blank_line_above_an_item_in_block_form() -> None:
    text = """\
vgspec: "1"
inputs:
  x: [4]
layers:
  - Dense: {units: 3}

  # why
  - id: e
    Dense:
      units: 2  # two

  - repeat: 2
    body:
      - Dense: {units: 3}  # three

      - Dense:
          units: 4  # four
"""
    assert canonical_text(parse_text(text)[0]) == text


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_blank_lines_and_comments_anywhere(data: st.DataObject) -> None:
    """Formatting is idempotent, and no comment is lost, wherever a person puts air and words."""
    path = data.draw(st.sampled_from([path for path in SPECS if path.stat().st_size < 3000]))
    lines = path.read_text(encoding="utf-8").splitlines()
    for i in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(lines)))
        indent = re.match(" *", lines[at] if at < len(lines) else "")
        assert indent is not None
        lines.insert(at, data.draw(st.sampled_from(["", f"{indent[0]}# note {i}"])))
    document, problems = parse_text("\n".join(lines) + "\n")
    assume(not problems)
    once = canonical_text(document)
    again, problems = parse_text(once)
    assert problems == []
    assert canonical_text(again) == once
    assert once.count("# note") == sum("# note" in line for line in lines)


def test_an_empty_mapping() -> None:
    for text in ("{}", "{}\n", "# why\n{}\n"):
        once = canonical_text(parse_text(text)[0])
        assert once.endswith("{}\n")
        assert once.startswith("#") == text.startswith("#")
        assert canonical_text(parse_text(once)[0]) == once


def test_a_key_too_long_for_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.yaml"
    text = '{"vgspec": "1", "' + "a" * 3000 + '": 1}'
    path.write_text(text)
    assert main(["fmt", str(path)]) == 1
    assert "it has a key of 3,000 characters" in capsys.readouterr().err
    assert path.read_text() == text
