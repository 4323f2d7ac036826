"""`ula`: persistent chains moved by unadjusted Langevin steps."""

from lightning_ebm.kernels import ULA
from lightning_ebm.sampler import MCMC
from lightning_ebm.starts import Persistent, Start


class ULASampler(MCMC):
    """Persistent unadjusted Langevin: local and biased; modes keep the chains they began with.

    Args:
        n_steps: Langevin steps per draw.
        step_size: γ in x' = x + γ ∇log p + √(2γ) ξ.
        start: where chains begin; by default they persist, and begin as noise.
        compile: whether steps run in compiled blocks: dear at first, cheaper from then on.
        chunk_size: chains that networks are given at once, which bounds memory; null is all.

    Source: Tieleman 2008 (persistent chains); Roberts and Tweedie 1996 (ULA).
    """

    exact = False

    def __init__(
        self,
        n_steps: int = 10,
        step_size: float = 0.01,
        start: Start | None = None,
        compile: bool = False,  # noqa: FBT001, FBT002 - a name in YAML
        chunk_size: int | None = None,
    ) -> None:
        super().__init__(
            start or Persistent(), ULA(step_size), n_steps, compile=compile, chunk_size=chunk_size
        )
