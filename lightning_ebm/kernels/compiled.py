"""Steps of kernels in compiled blocks: the same chains within rounding, for less of a CPU's time.

A block is some steps of one kernel, unrolled into one graph by torch's compiler. The kernel is
traced as it is: what a step learns, rejects and reports is in the graph. Random numbers come from
torch's generators in the same order, so that they go on from where a checkpoint left them. On a
GPU a block is recorded as a CUDA graph, launched at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import FunctionType

import torch
from torch import Tensor

from lightning_ebm.chain import Chain
from lightning_ebm.kernels import cuda_graphs
from lightning_ebm.kernels.cycle import Cycle
from lightning_ebm.kernels.kernel import Info, Kernel, average
from lightning_ebm.problem import Evaluations, Problem

LONGEST = 10
"""Steps of a block at most: the time to compile one is in proportion to them."""
OLDEST = "2.13"
"""Release of torch whose compiled steps are seen to make the chains of uncompiled ones; of those
before some make others (2.9 and 2.11), and some refuse them (2.6)."""
OPTIONS = {"fallback_random": True, "layout_optimization": False}
"""Random numbers are left to torch's generators. Images stay as they lie in memory: to lay them
out anew costs a convolutional energy a fifth on a CPU."""


class CompiledSteps:
    """`in_a_row`, with the steps of each kernel of a cycle in compiled blocks.

    Where a kernel cannot be compiled on a problem its steps run as ever, which is said once.
    Compiled code belongs to no state of a sampler: copies share it, and nothing of it is saved.

    Attributes:
        blocks: by class of the kernel and whether it is training. Training has blocks of its own,
            lest validation, at another number of chains, have it go on by another graph than a
            resumed run.
    """

    def __init__(self) -> None:
        self.blocks: dict[tuple[type[Kernel], bool], Block] = {}

    def __call__(
        self, kernel: Kernel, problem: Problem, chain: Chain, n_steps: int, *, last: bool = True
    ) -> tuple[Chain, Info]:
        """The chain after so many steps, of which none follows if `last`; means of the infos."""
        infos = []
        stretches = stretches_of(kernel, n_steps)
        for i, (part, size) in enumerate(stretches):
            key = type(part), part.training
            if key not in self.blocks:
                self.blocks[key] = Block()
            # Where the last step is as any other, the last block is as any other.
            differs = type(part).last_step is not Kernel.last_step
            ends = last and i == len(stretches) - 1 and differs
            chain, info = self.blocks[key](part, problem, chain, size, last=ends)
            infos += [info] * size
        return chain, info if len(stretches) == 1 else average(infos)

    def __deepcopy__(self, memo: dict[int, object]) -> CompiledSteps:
        return self

    def __reduce__(self) -> tuple[type[CompiledSteps], tuple[()]]:
        return CompiledSteps, ()


def stretches_of(kernel: Kernel, n_steps: int) -> list[tuple[Kernel, int]]:
    """The kernels inside cycles in the order in which they are applied, and how often in a row."""
    if isinstance(kernel, Cycle):
        parts = kernel.applied()
        return [one for part, count in parts for one in stretches_of(part, count)] * n_steps
    whole, rest = divmod(n_steps, LONGEST)
    return [(kernel, LONGEST)] * whole + ([(kernel, rest)] if rest else [])


class Block:
    """Some steps of a kernel as one graph, compiled at its first call, and as rarely again.

    Weights may change in place without compiling anew, and so may the number of chains: but for
    one chain, for more than 4,096 and sometimes for a few, where torch makes another graph.

    Attributes:
        compilations: how many graphs were compiled.
        refusal: why steps run as ever, or None while they are compiled.
    """

    def __init__(self) -> None:
        self.compilations = 0
        self.refusal: str | None = None
        # Code of its own: dynamo allows a piece of code few graphs, and counts those of all.
        steps = FunctionType(_steps.__code__.replace(), _steps.__globals__)
        self._steps = torch.compile(steps, fullgraph=True, backend=self._compile)

    def __call__(
        self, kernel: Kernel, problem: Problem, chain: Chain, n_steps: int, *, last: bool
    ) -> tuple[Chain, Info]:
        """The chain after so many steps, and the means of what is reported of them."""
        if self.refusal is None and torch.__version__ < OLDEST:
            self._say_refusal(
                kernel,
                f"torch {torch.__version__} may make other chains of compiled steps: "
                f"install torch {OLDEST} or a later one",
            )
        if self.refusal is not None:
            return _steps(kernel, problem, chain, n_steps, last)
        for part in (*_tensors(chain), *problem.of_chains()):
            torch._dynamo.maybe_mark_dynamic(part, 0)
        # A count that grows would be another number for each graph.
        evaluations = Evaluations()
        counted = problem.counting(evaluations)
        known, begun = self.compilations, time.perf_counter()
        recorded = chain.x.is_cuda
        if recorded:
            cuda_graphs.begin(kernel, chain.x.device)
        try:
            reached, info = self._steps(kernel, counted, chain, n_steps, last)
        except Exception as failure:
            # Of the compiler, whose own faults are of every class; what is a fault of the density
            # is met again by the steps that are not compiled.
            self._refuse(kernel, failure)
            return _steps(kernel, problem, chain, n_steps, last)
        if recorded:
            reached, info = cuda_graphs.owned((reached, info))
            cuda_graphs.end(kernel)
        problem.evaluations.densities += evaluations.densities
        problem.evaluations.scores += evaluations.scores
        if self.compilations > known:
            self._say(kernel, n_steps, time.perf_counter() - begun)
        return reached, info

    def _compile(
        self, graph: torch.fx.GraphModule, inputs: list[Tensor | int | torch.SymInt | None]
    ) -> Callable[..., object]:
        import torch._inductor as inductor

        on_gpu = any(isinstance(given, Tensor) and given.is_cuda for given in inputs)
        options = OPTIONS | (cuda_graphs.OPTIONS if on_gpu else {})
        compiled: Callable[..., object] = inductor.compile(graph, inputs, options=options)
        # Counted here: the compiler may give up half-way, and be asked again for a better graph.
        self.compilations += 1
        return compiled

    def _say(self, kernel: Kernel, n_steps: int, seconds: float) -> None:
        from lightning.pytorch.utilities import rank_zero_info
        from torch._inductor.runtime.cache_dir_utils import cache_dir

        rank_zero_info(
            f"compiled {n_steps} {'step' if n_steps == 1 else 'steps'} of "
            f"{type(kernel).__name__} for {'training' if kernel.training else 'evaluation'} in "
            f"{seconds:.0f} s; a later run finds most of that work in {cache_dir()}"
        )

    def _refuse(self, kernel: Kernel, failure: Exception) -> None:
        # What the backend raised comes wrapped in a sentence that does not say it.
        cause = getattr(failure, "inner_exception", failure)
        reason = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
        if "C++ compiler" in reason:
            reason = (
                "torch finds no C++ compiler that works (g++, or what the variable CXX names): "
                "install one"
            )
        else:
            reason = (
                f"torch's compiler refuses its steps on this density ({reason}): make energies "
                "and flows of torch's operations alone"
            )
        self._say_refusal(kernel, reason)

    def _say_refusal(self, kernel: Kernel, reason: str) -> None:
        from lightning.pytorch.utilities import rank_zero_warn

        self.refusal = reason
        rank_zero_warn(
            f"model.sampler.compile is true, but {type(kernel).__name__} runs uncompiled, since "
            f"{self.refusal}, or set compile to false"
        )


def _steps(
    kernel: Kernel,
    problem: Problem,
    chain: Chain,
    n_steps: int,
    last: bool,  # noqa: FBT001 - dynamo sees positions alone
) -> tuple[Chain, Info]:
    """What is compiled."""
    chain, infos = kernel.run(problem, chain, n_steps, last=last)
    return chain, average(infos)


def _tensors(chain: Chain) -> list[Tensor]:
    """What a chain knows, an entry of each chain."""
    return [part for part in (*chain[:3], *(chain.ends or ()), *chain[4:]) if part is not None]
