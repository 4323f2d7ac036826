"""What a draw of compiled steps costs, and how many draws make up for the time to compile.

    python -m benchmarks.compiled_draws [--seconds 4] [--json FILE] ["MLP, 64" ...]

Ratios of CPU time on one thread over the tight loop of the same kernel, eager and compiled draws
in turns with it; 10 steps of ULA and MALA, 2 trajectories of HMC. Break-even is the CPU time to
compile, in a folder of its own where nothing was compiled before, over what a draw saves; and the
same where all has been compiled in an earlier run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks import tight_loops
from benchmarks.draws import STEP_SIZE, ours, targets
from benchmarks.measuring import Ratio, Table, ratios, show, write
from lightning_ebm.sampler import Sampler
from sampler_plugins.hmc import HMCSampler
from sampler_plugins.mala import MALASampler
from sampler_plugins.ula import ULASampler

SAMPLERS = {"ula": (ULASampler, 10), "mala": (MALASampler, 10), "hmc": (HMCSampler, 2)}


def sampler(kernel: str, *, compile: bool) -> Sampler:
    """A sampler of the kernel."""
    kind, n_steps = SAMPLERS[kernel]
    return kind(n_steps, step_size=STEP_SIZE, compile=compile)


def seconds_to_compile(kernel: str, energy: nn.Module, x: Tensor) -> float:
    """CPU time of the first draw of a compiled sampler, less that of its second; compilers too."""
    torch.compiler.reset()
    draw = ours(sampler(kernel, compile=True), energy, x)
    spent = []
    for _ in range(2):
        before = cpu_time()
        draw()
        spent.append(cpu_time() - before)
    return spent[0] - spent[1]


def cpu_time() -> float:
    """Of this process and of those that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def measure(names: list[str], seconds: float) -> tuple[Table, dict[str, dict[str, str]]]:
    """Ratios to the tight loop, and per kernel and target the time to compile and break-even."""
    table: Table = {}
    made_up: dict[str, dict[str, str]] = {}
    for name in names:
        energy, x = targets()[name]
        energy.requires_grad_(False)
        log_density = lambda x, energy=energy: -energy(x)  # noqa: E731
        for kernel, (_, n_steps) in SAMPLERS.items():
            with tempfile.TemporaryDirectory() as folder:
                os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
                cold = seconds_to_compile(kernel, energy, x)
                warm = seconds_to_compile(kernel, energy, x)
                loop = getattr(tight_loops, kernel)
                things = {
                    "tight": partial(loop, log_density, x, n_steps, STEP_SIZE),
                    "eager": ours(sampler(kernel, compile=False), energy, x),
                    "compiled": ours(sampler(kernel, compile=True), energy, x),
                }
                found = ratios(things, seconds)
            for who in ("eager", "compiled"):
                table.setdefault(f"{kernel}, {n_steps} steps, {who}", {})[name] = found[who]
            text = break_even(found["eager"], found["compiled"], cold, warm)
            made_up.setdefault(f"{kernel}, {n_steps} steps", {})[name] = text
            print(name, kernel, found["eager"], found["compiled"], text, flush=True)
    return table, made_up


def break_even(eager: Ratio, compiled: Ratio, cold: float, warm: float) -> str:
    """Times to compile, and the draws that make up for them."""
    saved = eager.seconds - compiled.seconds
    if saved <= 0:
        return f"{cold:.0f} s, {warm:.0f} s: never"
    return f"{cold:.0f} s: {cold / saved:,.0f} draws; {warm:.0f} s: {warm / saved:,.0f}"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of CPU time per cell")
    parser.add_argument("--json", type=Path)
    parser.add_argument("targets", nargs="*", help="columns; by default all networks")
    args = parser.parse_args()
    torch.set_num_threads(1)
    names = args.targets or [name for name in targets() if name != "mixture, 1,000"]
    table, made_up = measure(names, args.seconds)
    show("CPU time of a draw over that of the tight loop", table)
    show(
        "CPU time to compile and draws that make up for it: all anew; found in the cache", made_up
    )
    if args.json:
        write(args.json, {"compiled draws": table})


if __name__ == "__main__":
    main()
