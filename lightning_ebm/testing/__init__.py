"""The conformance kit: tries a sampler on targets with known answers.

`check_sampler(MySampler(...))` in a test, the fixture of the same name in pytest,
`pytest --sampler NAME` or `python -m lightning_ebm.testing NAME` for a registered sampler.
"""

from lightning_ebm.testing.kit import check_kernel, check_sampler
from lightning_ebm.testing.report import CheckFailed, Finding, Report

__all__ = ["CheckFailed", "Finding", "Report", "check_kernel", "check_sampler"]
