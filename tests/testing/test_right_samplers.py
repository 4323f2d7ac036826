"""The kit passes every built-in sampler and kernel."""

import pytest
import torch
from broken_samplers import StaysAtZero
from right_samplers import RIGHT_AND_UNLIKE

from lightning_ebm.kernels import HMC, MALA, Cycle, GeneralisedHMC
from lightning_ebm.registry import find
from lightning_ebm.sampler import Draw
from lightning_ebm.starts import FromData, FromFlow, Persistent
from lightning_ebm.testing import Report, check_kernel, check_sampler
from lightning_ebm.testing.kit import CHECKS, examine, run_check

RIGHT = {
    "ula": {},
    "mala": {},
    "hmc": {"mass": 2.0},
    "flow_mcmc": {},
    "flow_mcmc, i-SIR": {"n_proposals": 4},
    "flow_mcmc, partial renewals": {"shares": [1.0, 0.7, 0.5, 0.35, 0.25]},
    "flow_mcmc, flow as fitted": {"adaptive": False},
    "flow_mcmc, i-SIR of partial renewals": {"shares": [1.0, 0.5], "n_proposals": 4},
    "flow_tempering": {"evaluation_rounds": 2},
    "flow_tempering, learning, with momentum": {
        "adaptive": True,
        "evaluation_rounds": 2,
        "n_rungs": 3,
        "local": GeneralisedHMC(0.1, drift=0.05, target_acceptance=0.8),
    },
    "coopflow": {},
    "coopflow, noise-free": {"noise": False},
    "nt_ebm": {},
}
DEAR = {"flow_tempering, learning, with momentum", "nt_ebm"}
"""What the kit needs more than a minute for."""


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in DEAR else []) for n in RIGHT]
)
def test_a_built_in_sampler_conforms(name):
    report = check_sampler(find(name.split(",")[0])(**RIGHT[name]))
    assert "FAIL" not in str(report)


@pytest.mark.parametrize(
    "kernel", [MALA(0.2), pytest.param(Cycle([HMC(0.1, 3), MALA(0.2)]), marks=pytest.mark.slow)]
)
def test_a_kernel_conforms(kernel):
    assert check_kernel(kernel).passed


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("flow_mcmc", Persistent(FromFlow(), size=1000)),
        ("nt_ebm", Persistent(size=1000)),
        ("mala", Persistent(FromFlow())),
        ("mala", Persistent(FromData(), size=1000)),
    ],
)
def test_chains_of_a_larger_bank_or_from_the_flow_raise_no_false_alarm(name, start):
    checks = ["non-finite rejected"]
    if not isinstance(start.first, FromFlow) or name != "mala":
        checks.append("chains stay distinct")
    for check in checks:
        finding = run_check(check, find(name)(start=start), seed=0)
        assert finding.passed, finding.sentence


def test_the_kit_computes_by_one_thread_and_leaves_their_number_as_it_was(monkeypatch):
    seen = []
    monkeypatch.setitem(
        CHECKS, "declaration", lambda _: (seen.append(torch.get_num_threads()), "")
    )
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run_check("declaration", find("mala")(), seed=0)
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(usual)


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[pytest.mark.slow] if n == "slice until all are done" else [])
        for n in RIGHT_AND_UNLIKE
    ],
)
def test_a_right_sampler_of_another_kind_does_not_fail(name):
    checks = ["chains are independent", "non-finite rejected", "no underflow", "density moves"]
    checks += ["invariance, 2 dimensions", "invariance, 64 dimensions", "score moves"]
    for check in checks:
        finding = run_check(check, RIGHT_AND_UNLIKE[name], seed=0)
        assert finding.passed is not False, finding


def test_what_is_too_slow_to_be_judged_is_warned_of_with_a_figure_and_a_remedy():
    sampler = RIGHT_AND_UNLIKE["far too slow"]
    for check in ("invariance, 10 dimensions", "convergence"):
        finding = run_check(check, sampler, seed=0)
        assert finding.passed is None
        assert "effective sample size" in finding.sentence
        assert "more steps per draw" in finding.sentence
        report = Report("Slow", (finding,))
        assert report.passed
        assert report.warnings == (finding,)
        assert f"warn  {check}" in str(report)


def test_chains_at_density_zero_may_stay_if_they_are_named():
    class Naming(StaysAtZero):
        def sample(self, problem, n):
            draw = super().sample(problem, n)
            share = (problem.log_prob(draw.x) == -torch.inf).float().mean()
            return Draw(draw.x, draw.info | {"zero_density": share})

    finding = run_check("zero density left", Naming(), seed=0)
    assert finding.passed, finding.sentence
    assert "info['zero_density'] is 0.500" in finding.sentence


def test_chains_that_begin_anew_have_left_density_zero():
    class Anew(StaysAtZero):
        def sample(self, problem, n):
            super().sample(problem, n)
            zero = problem.log_prob(self.start.bank) == -torch.inf
            self.start.bank[zero] = problem.reference.sample(int(zero.sum()))[0]
            return Draw(self.start.bank.clone(), {})

    finding = run_check("zero density left", Anew(), seed=0)
    assert finding.passed, finding.sentence


@pytest.mark.slow
@pytest.mark.timeout(20_000)
@pytest.mark.parametrize("name", ["mala", "hmc", "flow_mcmc", "nt_ebm"])
def test_two_hundred_seeds_give_no_false_alarm(name):
    failures = [
        str(report) for seed in range(200) if not (report := examine(find(name)(), seed)).passed
    ]
    assert not failures, failures[0]
