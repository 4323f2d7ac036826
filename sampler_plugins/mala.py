"""`mala`: persistent chains moved by Metropolis-adjusted Langevin steps."""

from lightning_ebm.kernels import MALA
from lightning_ebm.sampler import MCMC
from lightning_ebm.starts import Persistent, Start


class MALASampler(MCMC):
    """Persistent MALA: exact in the long run, but local; it does not cross between far modes.

    Args:
        n_steps: steps per draw.
        step_size: γ of the proposal, where adaptation begins.
        target_acceptance: acceptance that γ is adapted to while training; null keeps it fixed.
        start: where chains begin; by default they persist, and begin as noise.
        compile: whether steps run in compiled blocks: dear at first, cheaper from then on.
        chunk_size: chains that networks are given at once, which bounds memory; null is all.

    Source: Roberts and Tweedie 1996.
    """

    exact = True

    def __init__(
        self,
        n_steps: int = 10,
        step_size: float = 0.01,
        target_acceptance: float | None = 0.6,
        start: Start | None = None,
        compile: bool = False,  # noqa: FBT001, FBT002 - a name in YAML
        chunk_size: int | None = None,
    ) -> None:
        kernel = MALA(step_size, target_acceptance)
        super().__init__(
            start or Persistent(), kernel, n_steps, compile=compile, chunk_size=chunk_size
        )
