"""The table of all settings: what each takes and means. Reading, the reference page and ``--show-settings`` use it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from inspect import cleandoc

from vgspec.limits import Limits

__all__ = ["ASSUMPTIONS", "MOST_ASSUMED", "SETTINGS", "Setting", "kebab", "limit_meanings", "limit_names"]

MOST_ASSUMED = 1_000_000
"""The largest size that settings may assume for an open axis."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        name: as it is written in the file.
        takes: what it takes, a few words.
        default: its value without it, a few words.
        meaning: one sentence, without a final full stop.
        option: the option of ``vgspec lint`` that comes before it; empty where there is none.
        example: a line of TOML, or several.
    """

    name: str
    takes: str
    default: str
    meaning: str
    option: str = ""
    example: str = ""


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "select",
        "list of rules",
        "all rules",
        "the rules that run, by code (`VG101`), beginning of a code (`VG1`), name or group",
        "--select",
        'select = ["VG1", "VG2", "loss-and-output"]',
    ),
    Setting(
        "extend-select",
        "list of rules",
        "none",
        "rules that run beside those of `select`",
        "--extend-select",
        'extend-select = ["bias-before-batchnorm"]',
    ),
    Setting(
        "ignore",
        "list of rules",
        "none",
        "rules that do not run; it comes before `select`. What makes a spec invalid cannot be ignored",
        "--ignore",
        'ignore = ["recurrent-without-clipping"]',
    ),
    Setting(
        "per-path-ignores",
        "table: pattern = list of rules",
        "none",
        "rules that do not run for the specs whose path fits the pattern",
        "",
        '[tool.vgspec.per-path-ignores]\n"specs/papers/**" = ["VG1"]',
    ),
    Setting(
        "exclude",
        "list of patterns",
        "none",
        "files and folders that are left out where a folder is searched; files that are named are linted all the same, "
        "unless `--force-exclude` is given",
        "--exclude",
        'exclude = ["drafts", "*.tmp.yaml"]',
    ),
    Setting(
        "fail-on",
        "`error`, `warning`, `info` or `never`",
        "`warning`",
        "the least severity of a finding that makes the exit status 1; errors of the document always do",
        "--fail-on",
        'fail-on = "error"',
    ),
    Setting(
        "output-format",
        "`text`, `concise`, `json`, `sarif`, `github` or `junit`",
        "`text`",
        "the form of the output; that of the settings for the current folder counts",
        "--output-format",
        'output-format = "github"',
    ),
    Setting(
        "rules",
        "tables: rule = {threshold = number}",
        "see below",
        "thresholds of measured rules, each a number greater than 0",
        "",
        "[tool.vgspec.rules.gradient-vanishes]\nnorm = 1e-5",
    ),
    Setting(
        "assumptions",
        "table",
        "see below",
        "numbers for the sizes that a spec leaves open",
        "--time, --positions, --size",
        "[tool.vgspec.assumptions]\ntime = 512",
    ),
    Setting(
        "limits",
        "table",
        "see below",
        "bounds on what a document may cost. Settings that are found may lower them; to raise one, name the file with "
        "`--config`",
        "",
        "[tool.vgspec.limits]\nmax-expanded-nodes = 20_000",
    ),
)

ASSUMPTIONS: tuple[Setting, ...] = (
    Setting("time", "whole number", "128", "steps of a sequence of open length", "--time"),
    Setting("positions", "whole number", "32", "positions along an open axis of an image or a volume", "--positions"),
    Setting("sizes", "table: name = whole number", "none", "numbers for symbolic sizes; they come first", "--size"),
)


def kebab(name: str) -> str:
    """A Python name as settings are written: ``max_bytes`` is ``max-bytes``."""
    return name.replace("_", "-")


def limit_names() -> dict[str, str]:
    """The names of all limits in a settings file, with their names in `Limits`."""
    return {kebab(item.name): item.name for item in fields(Limits)}


def limit_meanings() -> dict[str, str]:
    """What each limit bounds, by its name in `Limits`: from its documentation."""
    text = cleandoc(Limits.__doc__ or "").partition("Attributes:\n")[2]
    rows = (line.strip().partition(": ") for line in text.splitlines() if line.strip())
    return {name: meaning.rstrip(".") for name, _, meaning in rows}
