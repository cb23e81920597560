"""What every benchmark shares: options, the machine and commit beside the figures, tables, plots, the last JSON line."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
GIT_TIMEOUT_S = 10
console = Console()


def options(description: str) -> argparse.ArgumentParser:
    """A parser with the options that all benchmarks have; add more before ``parse_args``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, help="data to use instead of the default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there too, indented")
    parser.add_argument("--quick", action="store_true", help="a small part, to see that it runs")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the result (PNG, SVG or PDF)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all that is random")
    return parser


def machine() -> dict[str, str | int | float]:
    """The machine in the words of a reader: processor, cores, memory in GiB, system, versions that matter."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in ("ray", "numpy", "onnxruntime")},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def commit() -> str:
    """The commit measured, with '+' where the tree differs from it; 'unknown' outside a clone."""
    try:
        head, changed = (
            subprocess.run(
                ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_S
            ).stdout.strip()
            for arguments in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + ("+" if changed else "")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; floats with three decimals."""
    drawn = Table(title=title, title_justify="left")
    for n, column in enumerate(columns):
        drawn.add_column(column, justify="left" if n == 0 else "right")
    for row in rows:
        drawn.add_row(*(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row))
    console.print(drawn)


def plot(
    file: Path,
    title: str,
    axes: tuple[str, str],
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    log_x: bool = False,
) -> None:
    """Draw each series (xs, ys) as a line with marks; ``axes`` are the labels with their units."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, area = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for name, (xs, ys) in series.items():
        area.plot(xs, ys, marker="o", label=name)
    if log_x:
        area.set_xscale("log")
    area.set(title=title, xlabel=axes[0], ylabel=axes[1])
    area.grid(alpha=0.3)
    area.legend()
    figure.savefig(file)
    pyplot.close(figure)
    console.print(f"plot: {file}")


def finish(result: Mapping[str, Any], chosen: argparse.Namespace) -> None:
    """Write ``result`` with machine, commit and seed to ``--json``, and print it as the last line of output."""
    whole = {**result, "quick": chosen.quick, "machine": machine(), "commit": commit(), "seed": chosen.seed}
    if chosen.json:
        chosen.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    console.file.flush()
    print(json.dumps(whole), flush=True)
