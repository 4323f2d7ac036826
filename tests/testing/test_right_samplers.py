"""The kit passes every built-in sampler and kernel."""

import pytest

from lightning_ebm.kernels import HMC, MALA, Cycle
from lightning_ebm.registry import find
from lightning_ebm.starts import FromFlow, Persistent
from lightning_ebm.testing import check_kernel, check_sampler
from lightning_ebm.testing.kit import examine, run_check

RIGHT = {
    "ula": {},
    "mala": {},
    "hmc": {"mass": 2.0},
    "flow_mcmc": {},
    "flow_mcmc, i-SIR": {"n_proposals": 4},
    "flow_mcmc, partial renewals": {"shares": [1.0, 0.7, 0.5, 0.35, 0.25]},
    "flow_mcmc, flow as fitted": {"adaptive": False},
    "flow_mcmc, i-SIR of partial renewals": {"shares": [1.0, 0.5], "n_proposals": 4},
    "coopflow": {},
    "coopflow, noise-free": {"noise": False},
    "nt_ebm": {},
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_built_in_sampler_conforms(name):
    report = check_sampler(find(name.split(",")[0])(**RIGHT[name]))
    assert "FAIL" not in str(report)


def test_a_kernel_conforms():
    assert check_kernel(Cycle([HMC(0.1, 3), MALA(0.2)])).passed


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("flow_mcmc", Persistent(FromFlow(), size=1000)),
        ("nt_ebm", Persistent(size=1000)),
        ("mala", Persistent(FromFlow())),
    ],
)
def test_chains_of_a_larger_bank_or_from_the_flow_raise_no_false_alarm(name, start):
    finding = run_check("non-finite rejected", find(name)(start=start), seed=0)
    assert finding.passed, finding.sentence


@pytest.mark.slow
@pytest.mark.timeout(20_000)
@pytest.mark.parametrize("name", ["mala", "hmc", "flow_mcmc", "nt_ebm"])
def test_two_hundred_seeds_give_no_false_alarm(name):
    failures = [
        str(report) for seed in range(200) if not (report := examine(find(name)(), seed)).passed
    ]
    assert not failures, failures[0]
