"""What the kit found: a finding per check, a report a person can read, the error it raises."""

from __future__ import annotations

from dataclasses import dataclass

from lightning_ebm.needed import needed


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: its name.
        passed: whether the sampler holds to it; None where that could not be decided, which is a
            warning and no failure.
        sentence: what was seen, with figures; what to do, if it is a warning.
    """

    check: str
    passed: bool | None
    sentence: str


@dataclass(frozen=True)
class Report:
    """All findings on one sampler, in the order of the checks."""

    sampler: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed; warnings are allowed."""
        return self.first_failure() is None

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What could not be decided."""
        return tuple(finding for finding in self.findings if finding.passed is None)

    def first_failure(self) -> Finding | None:
        """The first check that failed, if one did."""
        return next((finding for finding in self.findings if finding.passed is False), None)

    def __str__(self) -> str:
        marks = {True: "pass", False: "FAIL", None: "warn"}
        lines = [f"Conformance of {self.sampler}:"]
        for finding in self.findings:
            lines.append(f"  {marks[finding.passed]}  {finding.check}: {finding.sentence}")
        return "\n".join(lines)


class CheckFailed(AssertionError):
    """A sampler does not conform; the message names the first failure, then shows the report.

    Attributes:
        report: all that was found.
    """

    def __init__(self, report: Report) -> None:
        failure = needed(report.first_failure())
        super().__init__(
            f"{report.sampler} fails the check '{failure.check}': {failure.sentence}\n\n{report}"
        )
        self.report = report
