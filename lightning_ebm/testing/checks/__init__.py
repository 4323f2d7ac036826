"""The checks, a file per idea; each maps a sampler of its own to a verdict and a sentence."""

from lightning_ebm.testing.checks.chains import chains_are_independent, chains_stay_distinct
from lightning_ebm.testing.checks.conduct import (
    declaration,
    each_process_its_own,
    networks_unchanged,
    no_gradients_left,
    still_while_measured,
)
from lightning_ebm.testing.checks.density import (
    no_underflow,
    non_finite_rejected,
    zero_density_left,
)
from lightning_ebm.testing.checks.distribution import (
    bias,
    convergence,
    invariance_gaussian,
    invariance_image,
    invariance_mixture,
    invariance_sixty_four,
    invariance_ten,
    temperature,
)
from lightning_ebm.testing.checks.generality import any_shape_and_number, both_precisions
from lightning_ebm.testing.checks.moving import density_moves, flow_moves, score_moves
from lightning_ebm.testing.checks.reproducibility import (
    randomness_left_alone,
    same_seed_same_chains,
    state_restored,
)

__all__ = [
    "any_shape_and_number",
    "bias",
    "both_precisions",
    "chains_are_independent",
    "chains_stay_distinct",
    "convergence",
    "declaration",
    "density_moves",
    "each_process_its_own",
    "flow_moves",
    "invariance_gaussian",
    "invariance_image",
    "invariance_mixture",
    "invariance_sixty_four",
    "invariance_ten",
    "networks_unchanged",
    "no_gradients_left",
    "no_underflow",
    "non_finite_rejected",
    "randomness_left_alone",
    "same_seed_same_chains",
    "score_moves",
    "state_restored",
    "still_while_measured",
    "temperature",
    "zero_density_left",
]
