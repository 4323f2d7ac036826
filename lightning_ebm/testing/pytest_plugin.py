"""The kit in pytest: a fixture, and `--sampler NAME`, one test item per check.

The kit is imported only when it is used, so that pytest starts as fast without it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from lightning_ebm.needed import needed

if TYPE_CHECKING:
    from lightning_ebm.sampler import Sampler
    from lightning_ebm.testing.report import Report


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("lightning-ebm").addoption(
        "--sampler",
        action="append",
        default=[],
        metavar="NAME",
        help="check a registered sampler by the kit of lightning_ebm.testing; may be repeated",
    )


@pytest.fixture
def check_sampler() -> Callable[..., Report]:
    """Check a sampler as `lightning_ebm.testing.check_sampler` does."""
    from lightning_ebm.testing import check_sampler

    return check_sampler


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Collect one item per check of each sampler asked for."""
    for name in config.getoption("--sampler"):
        items.extend(SamplerChecks.from_parent(session, name=f"sampler {name}").collect())


class SamplerChecks(pytest.Collector):
    """All checks of one registered sampler."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item per check."""
        from lightning_ebm.registry import find
        from lightning_ebm.testing.kit import CHECKS

        sampler = find(self.name.removeprefix("sampler "))()
        for check in CHECKS:
            yield SamplerCheck.from_parent(self, name=check, sampler=sampler)


class SamplerCheck(pytest.Item):
    """One check of one sampler."""

    def __init__(self, *, sampler: Sampler, **keywords: Any) -> None:  # noqa: ANN401 - of pytest
        super().__init__(**keywords)
        self.sampler = sampler

    def runtest(self) -> None:
        """Carry the check out."""
        from lightning_ebm.testing.kit import run_check

        finding = run_check(self.name, self.sampler, seed=0)
        sentence = f"{finding.check}: {finding.sentence}"
        if finding.passed is None:
            warnings.warn(sentence, stacklevel=1)
        if finding.passed is False:
            raise AssertionError(sentence)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        """The sentence, without a traceback through the kit."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[str, None, str]:
        """Where the item is said to be."""
        return "lightning_ebm.testing", None, f"{needed(self.parent).name}: {self.name}"
