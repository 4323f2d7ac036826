"""One call that runs every check on a sampler."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from lightning_ebm.kernels import Kernel
from lightning_ebm.random_state import isolated
from lightning_ebm.sampler import MCMC, Sampler
from lightning_ebm.starts import Persistent
from lightning_ebm.testing import checks
from lightning_ebm.testing.report import CheckFailed, Finding, Report

Check = Callable[[Sampler], tuple[bool | None, str]]

CHECKS: dict[str, Check] = {
    "declaration": checks.declaration,
    "no gradients left": checks.no_gradients_left,
    "networks unchanged": checks.networks_unchanged,
    "any shape and number": checks.any_shape_and_number,
    "both precisions": checks.both_precisions,
    "same seed, same chains": checks.same_seed_same_chains,
    "state restored": checks.state_restored,
    "randomness left alone": checks.randomness_left_alone,
    "still while measured": checks.still_while_measured,
    "chains are each process's own": checks.each_process_its_own,
    "chains stay distinct": checks.chains_stay_distinct,
    "chains are independent": checks.chains_are_independent,
    "non-finite rejected": checks.non_finite_rejected,
    "zero density left": checks.zero_density_left,
    "no underflow": checks.no_underflow,
    "invariance, 2 dimensions": checks.invariance_mixture,
    "invariance, 3 dimensions": checks.invariance_gaussian,
    "invariance, 10 dimensions": checks.invariance_ten,
    "invariance, images": checks.invariance_image,
    "invariance, 64 dimensions": checks.invariance_sixty_four,
    "density moves": checks.density_moves,
    "score moves": checks.score_moves,
    "flow moves": checks.flow_moves,
    "convergence": checks.convergence,
    "temperature": checks.temperature,
    "bias": checks.bias,
}


def check_sampler(sampler: Sampler, seed: int = 0) -> Report:
    """Try everything that a sampler promises; return the report if it keeps it.

    The sampler given is never touched: each check has a copy of it. The chance that a right
    sampler fails is below 1 in 1,000, and the same seed gives the same verdict. A right sampler
    that is too slow to be judged is warned of, in the report, and does not fail.

    Args:
        sampler: what to try.
        seed: of all checks.

    Raises:
        CheckFailed: names the first check that failed, with its figures.
    """
    report = examine(sampler, seed)
    if not report.passed:
        raise CheckFailed(report)
    return report


def check_kernel(kernel: Kernel, n_steps: int = 5, seed: int = 0) -> Report:
    """Try a kernel as persistent chains that it moves `n_steps` times per draw."""
    return check_sampler(MCMC(Persistent(), kernel, n_steps), seed)


def examine(sampler: Sampler, seed: int = 0) -> Report:
    """The report on a sampler, whatever it says."""
    findings = tuple(run_check(name, sampler, seed) for name in CHECKS)
    return Report(type(sampler).__name__, findings)


def run_check(name: str, sampler: Sampler, seed: int) -> Finding:
    """Carry out one check on a copy of the sampler; what it raises is a failure too."""
    with isolated(), _one_thread():
        torch.manual_seed(seed)
        try:
            passed, sentence = CHECKS[name](copy.deepcopy(sampler))
        except Exception as failure:
            return Finding(name, passed=False, sentence=f"{type(failure).__name__}: {failure}")
    return Finding(name, passed=None if passed is None else bool(passed), sentence=sentence)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute by one thread: on tensors as small as the kit's more of them wait for each other."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
