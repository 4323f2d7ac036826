"""The last stretch of training: features stand still, and the energy's last layer settles.

Chains that follow a moving energy are not its samples: what they weigh lags behind what the model
weighs, by more the faster the energy moves. A low rate cures the lag, and then takes as many steps
to move a weight. Here nearly nothing moves, and what does moves by Newton's steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lightning_ebm.chunks import in_chunks
from lightning_ebm.errors import SettingError
from lightning_ebm.networks import bare
from lightning_ebm.processes import of_first
from lightning_ebm.random_state import isolated

FIRST = 100
"""t₀: steps whose work the first one does not undo, longer than chains take to be renewed."""
LEAST_VARIANCE = 1e-6
"""Of a component in units of the largest, below which it is rounding."""
KEY = "settling"


class Begun(NamedTuple):
    """What the stretch stands on once it has begun.

    Attributes:
        step: of training, its first.
        components: principal components of s over data, in units of which each has variance 1,
            `(k, features)`.
    """

    step: int
    components: Tensor


class Settling:
    """Maximum likelihood of the last layer by stochastic approximation.

    With all else of the network standing still, s(x) = ∂E/∂w of the last layer's weights w is the
    statistic of an exponential family p_w ∝ b exp(-w·s/T), if no bound bends it, whose likelihood
    is concave and whose Fisher information is Cov(s)/T². In the first principal components z of s
    over data, scaled to variance 1, that is about the identity, and a step of the natural gradient

        a ← a - T (mean z(x⁺) - mean z(x⁻)) / (t + t₀)

    has the gain with which the end is as precise as one fit to all draws of the stretch together.
    Few components carry what modes and classes weigh, and few can be learned by heart.

    Source: Robbins and Monro 1951; for fields whose samples are chains that go on, Younes 1989;
    natural gradient, Amari 1998.

    Args:
        from_step: step of training at which the stretch begins; None for never.
        n_components: k, at most.
    """

    def __init__(self, from_step: int | None, n_components: int) -> None:
        self.from_step = from_step
        self.n_components = n_components
        self.begun: Begun | None = None

    def go_on(self, step: int) -> None:
        """Go on at a step of training; a run that begins anew, before the stretch, forgets it."""
        if self.begun is not None and step < self.begun.step:
            self.begun = None

    def due(self, step: int) -> bool:
        """Whether it is to begin before this step."""
        return self.begun is None and self.from_step is not None and step >= self.from_step

    def begin(self, energy: nn.Module, data: Tensor, step: int) -> None:
        """Find the components, the same in all processes; all must come here.

        Args:
            energy: as it is to be evaluated.
            data: points `(n, *event)`.
            step: of training.
        """
        s = statistics(energy, data).double()
        with isolated():
            torch.manual_seed(0)
            k = min(self.n_components, *s.shape)
            _, deviations, directions = torch.pca_lowrank(s, q=min(k + 10, *s.shape), niter=4)
        deviations, directions = deviations[:k] / len(s) ** 0.5, directions[:, :k]
        kept = deviations.square() > LEAST_VARIANCE * deviations[0].square()
        components = (directions[:, kept] / deviations[kept]).T.to(data)
        self.begun = Begun(step, of_first(components).to(data.device))

    def gain(self, step: int) -> float:
        """1/(t + t₀) of a step of training."""
        return 0.0 if self.begun is None else 1 / (step - self.begun.step + FIRST)

    @torch.no_grad()
    def step(self, energy: nn.Module, temperature: float, step: int) -> None:
        """Move the last layer by its gradient, in place of the optimizer's step."""
        weight = last_layer(energy).weight
        if self.begun is None or weight.grad is None:
            return
        components = self.begun.components.to(weight)
        slopes = components @ weight.grad[0]
        weight[0] -= self.gain(step) * temperature * (components.T @ slopes)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it, the same in all processes."""
        return {} if self.begun is None else {KEY: self.begun._asdict()}

    def load(self, shared: dict[str, Any]) -> None:
        """Take up what a checkpoint held."""
        saved = shared.get(KEY)
        self.begun = None if saved is None else Begun(**saved)


def last_layer(energy: nn.Module) -> nn.Linear:
    """The last linear layer, which gives the energy, up to a bound.

    Raises:
        SettingError: if there is none, or it gives more than one number.
    """
    linear = [layer for layer in bare(energy).modules() if isinstance(layer, nn.Linear)]
    if not linear or linear[-1].out_features != 1:
        raise SettingError(
            f"model.settle_from is given, but model.energy is {type(bare(energy)).__name__}, "
            "whose last linear layer, if it has one, does not give one number: end it with "
            "torch.nn.Linear(..., 1), or set model.settle_from to null"
        )
    return linear[-1]


def statistics(energy: nn.Module, x: Tensor, chunk: int = 1000) -> Tensor:
    """The s = ∂E/∂w of the last layer's weights at each point, `(n, features)`."""
    network, layer = bare(energy), last_layer(energy)
    seen: dict[str, Tensor] = {}

    def keep(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen["in"], seen["out"] = inputs[0], output

    def of_part(part: Tensor) -> Tensor:
        (slope,) = torch.autograd.grad(network(part).sum(), seen["out"])
        return (slope * seen["in"]).detach()

    handle = layer.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            return in_chunks(of_part, x, chunk)
    finally:
        handle.remove()
