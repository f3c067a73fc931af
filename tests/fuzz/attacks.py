"""Attacks on every way in, by hand: each ends soon, in bounded memory, with the finding that it should have.

``python -m tests.fuzz attacks`` runs each as a process of its own under a limit of 4 GiB and 120 seconds of processor
time, and measures it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ATTACKS", "Attack", "Measured", "measure"]

_ROOT = Path(__file__).parents[2]
_MEMORY, _SECONDS = 4 << 30, 120
_HEAD = 'vgspec: "1"\ninputs: {x: {shape: [8]}}\n'
_IMAGE = 'vgspec: "1"\ninputs: {x: {shape: [8, 8, 3]}}\n'


@dataclass(frozen=True, slots=True)
class Attack:
    """Something that a stranger could send.

    Attributes:
        name: what it is.
        files: makes the files, by name.
        finds: the code that must be found; empty if the thing is harmless and must be taken as it is.
        argv: the command; ``lint`` of the first file by default.
        heavy: whether it takes more than a second or so, so that only the command runs it.
    """

    name: str
    files: Callable[[], Mapping[str, str | bytes]]
    finds: str
    argv: tuple[str, ...] = ()
    heavy: bool = False

    def write(self, folder: Path) -> list[str]:
        """Write the files; the arguments for vgspec."""
        made = self.files()
        for name, data in made.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith(".link"):
                path.with_suffix("").symlink_to(str(data))
            else:
                path.write_bytes(data.encode() if isinstance(data, str) else data)
        return list(self.argv) or ["lint", next(iter(made))]


def _spec(name: str, text: str | Callable[[], str], finds: str, *argv: str, heavy: bool = False) -> Attack:
    return Attack(name, lambda: {"m.yaml": text if isinstance(text, str) else text()}, finds, argv, heavy)


def _layers(name: str, layers: str | Callable[[], str], finds: str, *argv: str, heavy: bool = False) -> Attack:
    made = layers if callable(layers) else (lambda: str(layers))
    return _spec(name, lambda: f"{_HEAD}layers: [{made()}]\n", finds, *argv, heavy=heavy)


def _config(**config: Any) -> str:
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": [None, 8], "name": "i"}}]
    layers.append({"class_name": "Dense", "config": {"name": "d", "units": 4, **config}})
    return json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": layers}})


def _archive(files: Mapping[str, str]) -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def _keras(name: str, files: Callable[[], Mapping[str, str]], finds: str, *, heavy: bool = False) -> Attack:
    return Attack(name, lambda: {"m.keras": _archive(files())}, finds, heavy=heavy)


def _aliases() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    return "\n".join(lines) + "\n"


def _blocks() -> str:
    rows = [f"  b{i}: {{layers: [{', '.join([f'{{use: b{i - 1}}}'] * 10)}]}}\n" for i in range(1, 12)]
    return f"{_HEAD}blocks:\n  b0: {{layers: [Identity]}}\n{''.join(rows)}layers: [{{use: b11}}]\n"


def _include(what: str, **more: str | bytes) -> Callable[[], Mapping[str, str | bytes]]:
    text = f'vgspec: "1"\ninclude: [{{from: {what}, as: a}}]\ninputs: {{x: {{shape: [8]}}}}\nlayers: [{{use: a.b}}]\n'
    files = {f"p/{name.replace('__', '.')}": data for name, data in more.items()}
    return lambda: {"p/m.yaml": text, "p/vgspec.toml": "", "outside.yaml": text, **files}


def _wide() -> str:
    rows = "".join(f"  - {{id: l{i}, in: x, Identity: {{}}}}\n" for i in range(20_000))
    return f"{_HEAD}layers:\n{rows}  - {{in: [{', '.join(f'l{i}' for i in range(20_000))}], Add: {{}}}}\n"


def _giant_attribute() -> Mapping[str, bytes]:
    import io

    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="latest") as file:
        file.attrs["model_config"] = '{"a": "' + "x" * 80_000_000 + '"}'
    return {"m.h5": buffer.getvalue()}


_REPEAT = "{repeat: {count: 10000}, body: ["
_NUMBERS = "{Dropout: {rate: .nan}}, {Dense: {units: .inf}}, {Dense: {units: 1e999}}, {GaussianNoise: {stddev: .inf}}"
_NOT_FINITE = "{Dense: {units: 4, kernel_initializer: {RandomNormal: {stddev: .inf}}}}, {Rescaling: {scale: 1e308}}"

ATTACKS = (
    _spec("aliases that multiply to 10⁹ nodes", _aliases, "VG005"),
    _spec("10⁶ opening brackets", lambda: "x: " + "[" * 10**6 + "\n", "VG005"),
    Attack("10⁶ opening brackets, JSON", lambda: {"m.json": '{"vgspec": ' + "[" * 10**6}, "VG005"),
    _spec("500,000 nested dashes", lambda: "- " * 500_000 + "x\n", "VG005"),
    _layers("a power of powers", '{Dense: {units: "$(9**9**9)"}}', "VG013"),
    _layers("a text times 10⁹", "{Dense: {units: \"$('a' * 10**9)\"}}", "VG012"),
    _layers("an expression of 10⁶ characters", lambda: f'{{Dense: {{units: "$({"1+" * 500_000}1)"}}}}', "VG013"),
    _layers("a repeat of 10,000 in one of 10,000", f"{_REPEAT}{_REPEAT}Identity]}}]}}", "VG005", heavy=True),
    _layers("the same, empty", f"{_REPEAT}{_REPEAT}]}}]}}", "VG005", heavy=True),
    _spec("blocks that multiply to 10¹¹ layers", _blocks, "VG005", heavy=True),
    _layers("110,000 layers", lambda: f"{_REPEAT}{', '.join(['{Dense: {units: 8}}'] * 11)}]}}", "VG101", heavy=True),
    Attack("an include of itself", _include("m.yaml"), "VG035"),
    Attack("an include above the project", _include("../outside.yaml"), "VG035"),
    Attack("an include of /etc/passwd", _include("/etc/passwd"), "VG035"),
    Attack("a link out of the project", _include("n.yaml", n__yaml__link="/etc/passwd"), "VG035"),
    Attack("a link to a device without end", _include("n.yaml", n__yaml__link="/dev/zero"), "VG035"),
    Attack("a link to standard input in a folder", lambda: {"d/n.yaml.link": "/dev/stdin"}, "", ("lint", "d")),
    _layers("10¹² units, linted", "{Dense: {units: 1000000000000}}", "VG101"),
    _layers("10¹² units, built", "{Dense: {units: 1000000000000}}", "VG068", "build", "m.yaml", "--out", "m.keras"),
    _spec("a kernel of 10⁶ × 10⁶", f"{_IMAGE}layers: [{{Conv2D: {{filters: 1000000, kernel_size: 1000000, padding: same}}}}, Flatten]\n", "VG709"),
    _spec("an output of 10²⁴ elements", f"{_IMAGE}layers: [{{UpSampling2D: {{size: 1000000000000}}}}, Flatten]\n", "VG050"),
    _spec("60 axes", 'vgspec: "1"\ninputs: {x: {shape: [' + ", ".join(["2"] * 60) + "]}}\nlayers: [Flatten, {Dense: {units: 2}}]\n", "VG201"),
    _layers("10¹² time steps", "{RepeatVector: {n: 1000000000000}}, {LSTM: {units: 4}}", ""),
    _layers("numbers that are none", _NUMBERS, "VG040"),
    _layers("infinite initializers", _NOT_FINITE, "VG202"),
    _layers("an id of 15 million characters", lambda: f"{{id: {'a' * 15_000_000}, Dense: {{units: 1}}}}", "VG005", heavy=True),
    _layers("200,000 arguments on one line", lambda: f"{{Dense: {{{', '.join(f'u{i}: 1' for i in range(200_000))}}}}}", "VG021", heavy=True),
    _spec("300,000 unknown keys", lambda: f"{_HEAD}layers: [Identity]\n" + "".join(f"k{i}: 1\n" for i in range(300_000)), "VG021", heavy=True),
    _spec("one key 300,000 times", lambda: f"{_HEAD}layers: [Identity]\n" + "k: 1\n" * 300_000, "VG003", heavy=True),
    _spec("20 MB", lambda: f"{_HEAD}layers: [Identity]\n#" + "x" * 20_000_000, "VG005"),
    _spec("a merge of 20,000", _wide, "", heavy=True),
    Attack("bytes that are no text", lambda: {"m.yaml": b'vgspec: "1"\nname: \xff\xfe\xfd\n'}, "VG001"),
    Attack("a zero byte", lambda: {"m.yaml": b'vgspec: "1"\x00\n'}, "VG001"),
    Attack("UTF-16 with its mark", lambda: {"m.yaml": f"{_HEAD}layers: [{{Dense: {{units: 1}}}}]\n".encode("utf-16")}, ""),
    Attack("UTF-16 cut short", lambda: {"m.yaml": f"{_HEAD}layers: [Identity]\n".encode("utf-16")[:-1]}, "VG001"),
    _layers("commands for a terminal and for a runner in an id", r'{id: "a\e[2J\n::error::x\r", Dense: {units: 1}}', "VG020", "lint", "m.yaml", "--output-format", "github"),
    _keras("a config that unpacks to 500 MB", lambda: {"config.json": _config() + " " * (500 << 20)}, "VG087", heavy=True),
    _keras("a config that unpacks to 1,000 times its size", lambda: {"config.json": _config() + " " * (60 << 20)}, "VG087"),
    _keras("an archive that names ../../etc/cron.d/x", lambda: {"../../etc/cron.d/x": "", "config.json": _config()}, "VG087"),
    _keras("an archive of 150,000 files", lambda: {"config.json": _config(), **{f"f{i}": "" for i in range(150_000)}}, "VG087", heavy=True),
    Attack("an archive cut short", lambda: {"m.keras": _archive({"config.json": _config()})[:200]}, "VG080"),
    Attack("a config with 10⁵ brackets", lambda: {"m.json": '{"class_name": "Sequential", "config": ' + "[" * 10**5}, "VG005"),
    Attack("a number of 5,000 digits", lambda: {"m.json": _config().replace('"units": 4', f'"units": {"9" * 5000}')}, "VG005"),
    Attack("units that are no number", lambda: {"m.json": _config(units=float("nan"))}, "VG084"),
    Attack("code in a config", lambda: {"m.json": _config().replace("Dense", "Lambda")}, "VG082"),
    Attack("an HDF5 attribute of 80 MB", _giant_attribute, "VG080", heavy=True),
)  # fmt: skip
"""All of them."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one attack cost: seconds of processor time, peak memory in MiB, exit status, and what was printed."""

    seconds: float
    mebibytes: int
    status: int
    output: str


def measure(attack: Attack, folder: Path) -> Measured:
    """Run an attack as a process of its own."""
    import resource

    argv = [sys.executable, "-m", "vgspec", *attack.write(folder)]
    env = {**os.environ, "PYTHONPATH": str(_ROOT), "NO_COLOR": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}

    def limited() -> None:
        if "build" not in argv:
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))

    with (folder / "out.txt").open("wb") as out:
        process = subprocess.Popen(
            argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=limited
        )
        end = time.monotonic() + 20 * _SECONDS
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                process.send_signal(signal.SIGKILL)
            time.sleep(0.02)
    text = (folder / "out.txt").read_text(encoding="utf-8", errors="replace")
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    return Measured(usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024, code, text)
