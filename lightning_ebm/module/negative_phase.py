"""The negative phase of one process: its chains, its random stream, and what they are watched for.

What it owns differs between processes. Of it a checkpoint holds the sampler's chains, and in
`state` and `resumed` the random state after the latest batch, one entry a process.
"""

from __future__ import annotations

from lightning_ebm.module.chain_watch import ChainWatch
from lightning_ebm.problem import Problem
from lightning_ebm.random_state import random_state, seed_process, set_random_state
from lightning_ebm.sampler import Draw, Sampler


class NegativePhase:
    """Draws x⁻ for training, and keeps the stream of random numbers apart from who looks on.

    Attributes:
        problem: what was drawn from last, until the step is done.
        latest: the latest draw of training.
        watch: says that chains stand still, or are too old.
        stream: the random state after the latest batch of training: it is what is saved, and what
            is put back after validation, so that looking at a run draws nothing from it.
        resumed: the random state that a checkpoint held, until training goes on from there.
        ended: where the stream was when training ended.
    """

    def __init__(self) -> None:
        self.problem: Problem | None = None
        self.latest: Draw | None = None
        self.watch = ChainWatch()
        self.stream: dict[str, object] | None = None
        self.resumed: dict[str, object] | None = None
        self.ended: dict[str, object] | None = None

    def begin(self, seed: int, rank: int) -> None:
        """Go on with the random state of a resumed run; in a new one seed this process."""
        if self.resumed is not None:
            set_random_state(self.resumed)
            self.resumed = None
        else:
            seed_process(seed, rank)

    def draw(self, sampler: Sampler, problem: Problem, n: int) -> Draw:
        """Draw n points of the problem for a step of training."""
        self.problem = problem
        self.latest = sampler(problem, n)
        self.watch.see(self.latest)
        return self.latest

    def mark(self) -> None:
        """Remember where the stream of training is."""
        self.stream = random_state()

    def put_back(self) -> None:
        """Put the stream back to where training left it."""
        if self.stream is not None:
            set_random_state(self.stream)

    def resume_from(self, random: dict[str, object]) -> None:
        """Let the stream of training be that of an earlier state."""
        self.stream = random

    def end(self) -> None:
        """The stream ends with training, but for a checkpoint that is written later."""
        self.stream, self.ended = None, self.stream

    def state(self) -> dict[str, object]:
        """What a checkpoint holds of it beside the sampler: where the stream is."""
        return self.stream or self.resumed or self.ended or random_state()
