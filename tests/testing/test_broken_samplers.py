"""Each planted fault is caught, by the check that is meant for it, and by its figures."""

import pytest
from broken_samplers import BROKEN, persistent
from broken_tempering import BROKEN_TEMPERING

from lightning_ebm.kernels import MALA
from lightning_ebm.testing import CheckFailed, check_sampler
from lightning_ebm.testing.kit import CHECKS, run_check

ALL = BROKEN | BROKEN_TEMPERING

LATE = {"β of the old ladder", "lowest rung not fresh"}
"""What only the last of the checks meant for it finds, after minutes."""


@pytest.mark.thinned(4)
@pytest.mark.parametrize(
    "fault", [pytest.param(f, marks=[pytest.mark.slow] if f in LATE else []) for f in ALL]
)
def test_a_fault_is_caught_by_the_check_meant_for_it(fault):
    sampler, meant = ALL[fault]
    findings = []
    for name in (name for name in CHECKS if name.startswith(meant)):
        findings.append(run_check(name, sampler, seed=0))
        if findings[-1].passed is False:
            break
    failed = [finding for finding in findings if finding.passed is False]
    assert failed, [finding.sentence for finding in findings]
    # Only what cannot take a shape or a type may be caught by an exception.
    raised = any("Error" in finding.sentence for finding in failed)
    assert not raised or meant in {"any shape and number", "both precisions"}


def test_the_first_failure_is_named_with_its_figures_and_the_report():
    sampler, _ = BROKEN["non-finite not counted"]
    with pytest.raises(CheckFailed, match="fails the check 'non-finite rejected'") as failure:
        check_sampler(sampler)
    text = str(failure.value)
    assert "pass  same seed, same chains: bit for bit" in text
    assert "FAIL  non-finite rejected" in text
    assert failure.value.report.first_failure().check == "non-finite rejected"


def test_the_sampler_given_is_not_touched():
    sampler = persistent(MALA(0.1, target_acceptance=0.6), n_steps=2)
    before = str(sampler.state_dict())
    run_check("state restored", sampler, seed=0)
    assert str(sampler.state_dict()) == before
