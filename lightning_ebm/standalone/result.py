"""What chains drew, with what is to be known of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from lightning_ebm.errors import SettingError
from lightning_ebm.flows import Flow
from lightning_ebm.standalone.summary import AGREED, APART, ENOUGH, Summary, rows_of

if TYPE_CHECKING:
    import numpy
    from xarray import DataTree


IN_WORDS_OF_ARVIZ = {
    "acceptance_local": "acceptance_rate",
    "acceptance_global": "acceptance_rate_global",
}


@dataclass(frozen=True)
class SampleResult:
    """Draws after the warm-up; `print` shows their summary.

    Attributes:
        x: the points `(n_draws, n_chains, *event)`.
        log_density: of the target there, as it was given, `(n_draws, n_chains)`.
        info: what the sampler reported, a number for each draw, `(n_draws,)`.
        sampler: its name.
        exact: whether the draws' stationary distribution is the target.
        follows: whether chain i of a draw is chain i of the next.
        evaluations: of the target, in points, the warm-up included.
        flow: the one that was used, as it was after the warm-up, if there was one.
        notes: what was done without being asked for, a sentence each.
    """

    x: Tensor
    log_density: Tensor
    info: dict[str, Tensor]
    sampler: str
    exact: bool
    follows: bool
    evaluations: int
    flow: Flow | None = None
    notes: list[str] = field(default_factory=list)

    @cached_property
    def summary(self) -> Summary:
        """Mean, standard deviation, R-hat and effective draws of each coordinate.

        Raises:
            SettingError: if there are fewer than 4 draws.
        """
        if len(self.x) < 4:
            raise SettingError(f"n_draws is {len(self.x)}: a summary needs 4 draws or more")
        rows = rows_of(self.x, self.log_density)
        acceptance = {
            word: float(self.info[name].double().mean())
            for name, word in IN_WORDS_OF_ARVIZ.items()
            if name in self.info
        }
        bare = Summary(rows, acceptance, [])
        return Summary(rows, acceptance, [*self._judged(bare), *self.notes])

    def to_datatree(self) -> DataTree:
        """The draws as ArviZ takes them: `x` in `posterior`, `lp` in `sample_stats`.

        What is reported once for all chains, as acceptance is, has no dimension `chain`.

        Raises:
            SettingError: if arviz-base is not installed.
        """
        try:
            from arviz_base import from_dict
        except ImportError as failure:
            raise SettingError(
                "to_datatree needs arviz-base, which is not installed: "
                "pip install 'lightning-ebm[arviz]'"
            ) from failure
        import xarray

        tree = from_dict(
            {
                "posterior": {"x": _chains_first(self.x)},
                "sample_stats": {"lp": _chains_first(self.log_density)},
            },
            attrs={
                "/": {
                    "inference_library": "lightning-ebm",
                    "sampler": self.sampler,
                    "exact": int(self.exact),
                }
            },
        )
        told = {
            IN_WORDS_OF_ARVIZ.get(name, name): xarray.DataArray(
                values.double().cpu().numpy(), dims="draw"
            )
            for name, values in self.info.items()
        }
        tree["sample_stats"] = tree["sample_stats"].assign(told)
        return tree

    def __str__(self) -> str:
        """The summary."""
        draws, chains = self.x.shape[:2]
        head = f"{self.sampler}: {draws} draws of {chains} chains"
        return f"{head}, {self.evaluations} evaluations\n{self.summary}"

    def _judged(self, found: Summary) -> list[str]:
        said = []
        effective = min(found.ess_bulk, found.ess_tail)
        if not self.follows:
            said.append(
                "chains begin anew at every draw: r_hat does not tell whether they came to the "
                "target"
            )
        elif not found.r_hat < APART:
            said.append(
                f"chains do not agree (r_hat up to {found.r_hat:.3g}): give more n_warmup and "
                "n_draws, or a sampler that crosses between modes, as flow_mcmc does"
            )
        elif found.r_hat >= AGREED or effective < ENOUGH:
            said.append(
                f"whether chains agree is not sure (r_hat up to {found.r_hat:.3f}, and effective "
                f"draws down to {effective:.0f}, where {AGREED} and {ENOUGH:.0f} would tell): "
                "give more n_draws"
            )
        else:
            said.append("chains agree")
        if not self.exact:
            said.append(
                f"{self.sampler} is not exact: what its chains agree on is near the target, and "
                "how near is not known"
            )
        return said


def _chains_first(values: Tensor) -> numpy.ndarray:
    return values.transpose(0, 1).cpu().numpy()
