"""Quadrature of a model and of the true density over one mesh of cells, finer where need be.

Every cell is a Gauss-Legendre rule of 4 x 4 nodes. Cells are split into four, the worst first,
until the sums before and after the latest split agree; wherever a given point (a draw of the
model, a datum) is denser than all that the nodes of its cell have seen; and next to much smaller
cells that hold mass. Around them all cells are added until the outermost hold next to none.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.evaluation.cell_integrals import Changes, Integrals
from lightning_ebm.evaluation.cells import NODES_PER_CELL, Cells, Square, choose, cover, join
from lightning_ebm.evaluation.quadrature import LogDensity
from lightning_ebm.metrics.known_density import KnownDensity

TOLERANCE = 1e-3
"""How far two resolutions may differ, all cells together: in log Z, or in nats of KL."""
LOOSER = 10
"""How much more mass may pass from mode to mode; the parts of cells mostly cancel there."""
EDGE_MASS = 1e-4
"""Share of the model's mass in the outermost cells beyond which there must be more cells."""
NO_EDGE_MASS = 1e-9
"""Share below which it need not be asked whether it grows with every cell further out."""
WIDENINGS = 20
"""How often cells are added around all others, at most, each time doubling the square."""
DENSER = 1.0
"""Nats by which a point may exceed the nodes of its cell."""
NEGLIGIBLE = 1e-6
"""Mass that a point may stand for, its density times its cell's area, and be passed over."""
SPILT = 1e-5
"""Mass in a cell beyond which its neighbours must be no more than twice its size."""


class AdaptiveQuadrature:
    """Integrals of a model and a known density over the plane.

    Args:
        log_density: the model's unnormalised log-density of points `(n, 2)`.
        density: the true density.
        points: places that must not fall between nodes, `(m, 2)`; of the model's data type.
        log_q: the model's log-densities at the points, `(m,)`.
        log_p: the true ones, `(m,)`.
        resolution: the model is evaluated 2 resolution² times at most; there are resolution / 25
            cells along a side to begin with, before any is split.

    Attributes:
        log_z: log of the model's normalising constant.
        mode_weights: the model's mode weights, `(K,)`.
        kl: KL(truth ‖ model), in nats; both normalised over the same nodes, so never negative
            but for rounding.
        truth: the integral of the true density.
        edge_mass: share of the model's mass in the outermost cells; large if it has no end.
        disagreement: how far two resolutions differ, over all cells.
        widenings: how often cells were added around all others.
        evaluations: how often the model was evaluated.
    """

    def __init__(
        self,
        log_density: LogDensity,
        density: KnownDensity,
        points: Tensor,
        log_q: Tensor,
        log_p: Tensor,
        resolution: int,
    ) -> None:
        self._log_density, self._density, self._like = log_density, density, points
        self._points, self._log_q, self._log_p = points.double(), log_q, log_p
        self._budget, self.evaluations, self.widenings = 2 * resolution**2, 0, 0
        boxes = density.boxes.to(self._points)
        self._square = Square.around(boxes)
        self._cells = cover(self._square, boxes, max(1, resolution // 25))
        self._integrals = self._integrate(self._cells)
        self._changes = Changes.unknown(self._integrals)
        self._graded = torch.zeros_like(self._changes.truth).bool()
        self._home = self._cells.locate(self._points)
        self._widen()
        # Roughly at first, so that what lies further out is not left without evaluations.
        for tolerance in (100 * TOLERANCE, TOLERANCE):
            self._refine(tolerance)
            while self._must_widen():
                self._widen()
                self._refine(tolerance)

    @property
    def outside(self) -> Tensor:
        """Which points no cell holds, `(m,)`."""
        return self._home < 0

    def _sum_up(self) -> None:
        top, masses, _, truth, ratio = self._integrals
        log_masses = self._integrals.log_mass
        self.log_z = log_masses.logsumexp(0)
        self.mode_weights = ((top - self.log_z).exp().nan_to_num()[:, None] * masses).sum(0)
        self.truth = truth.sum()
        self.kl = ratio.sum() / self.truth - self.truth.log() + self.log_z
        share = (log_masses - self.log_z).exp()
        centre = self._square.low + self._square.side / 2
        reach = (self._cells.low + self._cells.side / 2 - centre).abs().amax(1)
        self.edge_mass = share[reach > self._square.side / 4].sum()
        # Of the cells added before, if there are any.
        self._mass_within = share[reach > self._square.side / 8].sum() - self.edge_mass

    def _must_widen(self) -> bool:
        if self.widenings == WIDENINGS or self.log_z.isnan():
            return False
        fades = self.widenings > 1 and self.edge_mass < 0.75 * self._mass_within
        ends = self.edge_mass < NO_EDGE_MASS or (fades and self.edge_mass < EDGE_MASS)
        return bool(self.outside.any()) or not ends

    def _widen(self) -> None:
        self.widenings += 1
        frame = self._square.frame()
        self._square = self._square.widened()
        n = len(self._cells.low)
        home = frame.locate(self._points)
        self._home = torch.where(self.outside & (home >= 0), home + n, self._home)
        integrals = self._integrate(frame)
        self._append(frame, integrals, Changes.unknown(integrals))
        self._sum_up()

    def _append(self, cells: Cells, integrals: Integrals, changes: Changes) -> None:
        self._cells = join(self._cells, cells)
        self._integrals = join(self._integrals, integrals)
        self._changes = join(self._changes, changes)
        self._graded = torch.cat([self._graded, torch.zeros_like(changes.truth).bool()])

    def _refine(self, tolerance: float) -> None:
        """Split cells, the worst first, until they agree or evaluations have run out."""
        while True:
            errors = self._errors()
            if errors.sum() <= tolerance == TOLERANCE:
                errors[self._beside_much_smaller()] = torch.inf
            self.disagreement = errors.sum()
            affordable = (self._budget - self.evaluations) // (4 * NODES_PER_CELL)
            if self.disagreement <= tolerance or affordable <= 0 or self.log_z.isnan():
                return
            worst = errors.argsort(descending=True)
            ordered = errors[worst]
            rest = ordered.flip(0).cumsum(0).flip(0)
            needed = (rest > tolerance / 2) & (ordered >= 1e-3 * ordered[0])
            self._split(worst[needed][:affordable])

    def _errors(self) -> Tensor:
        """Each cell's part of the disagreement, `(n,)`; infinite where a point was passed over."""
        log_mass, log_passed, truth, ratio = self._changes
        of_kl = (ratio + self.log_z * truth).abs() / self.kl.abs().clamp(min=1)
        of_mass = (log_mass - self.log_z).exp()
        of_weights = (log_passed - self.log_z).exp() / LOOSER
        errors = torch.stack([of_mass, of_weights, truth.abs(), of_kl.nan_to_num()]).amax(0)
        errors[self._passed_over()] = torch.inf
        return errors.nan_to_num(torch.inf, torch.inf)

    def _passed_over(self) -> Tensor:
        """Cells in which a point is denser than all nodes, and stands for mass that matters."""
        held = ~self.outside
        home = self._home[held]
        log_area = self._cells.side.log().sum(1)[home]
        log_q, log_p = self._log_q[held], self._log_p[held]
        hidden = torch.zeros_like(log_area, dtype=torch.bool)
        for log_density, top, log_total in (
            (log_q, self._integrals.top, self.log_z),
            (log_p, self._integrals.top_of_truth, 0.0),
        ):
            matters = (log_density + log_area - log_total).exp() > NEGLIGIBLE
            hidden |= (log_density > top[home] + DENSER) & matters
        found: Tensor = home[hidden].unique()
        return found

    def _beside_much_smaller(self) -> Tensor:
        """Cells of more than twice the size of a neighbour that holds mass, which may go on."""
        low, side = self._cells
        share = (self._integrals.log_mass - self.log_z).exp()
        full = torch.maximum(share, self._integrals.truth) > SPILT
        full = (full & ~self._graded).nonzero().squeeze(1)
        steps = torch.tensor([[0.75, 0], [-0.75, 0], [0, 0.75], [0, -0.75]]).to(low)
        places = (low + side / 2)[full, None] + side[full, None] * steps
        neighbours = self._cells.locate(places.flatten(0, 1)).view(-1, 4)
        larger = side.amax(1)[neighbours] > 2.5 * side.amax(1)[full, None]
        within = neighbours >= 0
        # Neighbours only get smaller: those that are small enough need not be asked again.
        self._graded[full] = (within & ~larger).all(1)
        found: Tensor = neighbours[within & larger].unique()
        return found

    def _split(self, chosen: Tensor) -> None:
        parents, before = choose(self._cells, chosen), choose(self._integrals, chosen)
        cells = parents.quarters()
        after = self._integrate(cells)
        kept = torch.ones(len(self._cells.low), dtype=torch.bool, device=chosen.device)
        kept[chosen] = False
        place = kept.long().cumsum(0) - 1
        place[chosen] = kept.sum() + 4 * torch.arange(len(chosen), device=chosen.device)
        held = ~self.outside
        home, points = self._home[held], self._points[held]
        quarter = torch.where(kept[home], 0, choose(self._cells, home).quarter_of(points))
        self._home[held] = place[home] + quarter
        self._cells = choose(self._cells, kept)
        self._integrals = choose(self._integrals, kept)
        self._changes = choose(self._changes, kept)
        self._graded = self._graded[kept]
        self._append(cells, after, Changes.between(before, after))
        self._sum_up()

    def _integrate(self, cells: Cells) -> Integrals:
        self.evaluations += NODES_PER_CELL * len(cells.low)
        return Integrals.over(cells, self._log_density, self._density, self._like)
