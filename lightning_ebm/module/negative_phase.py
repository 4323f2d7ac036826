"""The negative phase of one process: its chains, its random stream, and what they are watched for.

What it owns differs between processes. Of it a checkpoint holds the sampler's chains, and what
`state` gives and `take_up` is given: where the stream was after the latest batch, one entry a
process, and the seed of all.
"""

from __future__ import annotations

from dataclasses import dataclass

from lightning_ebm.checked_draw import checked_draw
from lightning_ebm.module.chain_watch import ChainWatch
from lightning_ebm.problem import Problem
from lightning_ebm.random_state import Moment, said_seed, seed_process, set_random_state
from lightning_ebm.resuming import in_place_of, say
from lightning_ebm.sampler import Draw, Sampler


@dataclass(frozen=True)
class SavedStream:
    """Where a checkpoint's stream of random numbers is.

    Attributes:
        state: of this process; None if it had none.
        seed: that it came from, if the checkpoint says.
        step: of training.
    """

    state: dict[str, object] | None
    seed: int | None
    step: int


class NegativePhase:
    """Draws x⁻ for training, and keeps the stream of random numbers apart from who looks on.

    Attributes:
        problem: what was drawn from last, until the step is done.
        latest: the latest draw of training.
        watch: says that chains stand still, or are too old.
        stream: the random state after the latest batch of training: it is what is saved, and what
            is put back after validation, so that looking at a run draws nothing from it.
        seed: that the stream came from.
        resumed: the stream that a checkpoint held, until training goes on from there.
        ended: where the stream was when training ended.
    """

    def __init__(self) -> None:
        self.problem: Problem | None = None
        self.latest: Draw | None = None
        self.watch = ChainWatch()
        self.stream: Moment | None = None
        self.seed: int | None = None
        self.resumed: SavedStream | None = None
        self.ended: Moment | None = None

    def begin(self, seed: int, rank: int) -> None:
        """Go on with the stream of a resumed run; in a new one seed this process.

        A resumed run goes on with another stream if another seed is said than it had.

        Args:
            seed: of a new run, if none is said.
            rank: of this process.
        """
        saved, said = self.resumed, said_seed()
        self.resumed = None
        if saved is None:
            self.seed = seed if said is None else said
            seed_process(seed, rank)
            return
        self.seed = next((s for s in (said, saved.seed) if s is not None), seed)
        if saved.seed is not None and self.seed != saved.seed:
            say([in_place_of("seed", self.seed, saved.seed)])
        elif saved.state is not None:
            set_random_state(saved.state)
            return
        seed_process(self.seed, rank, saved.step)

    def draw(self, sampler: Sampler, problem: Problem, n: int, *, first: bool = False) -> Draw:
        """Draw n points of the problem for a step of training, the first of a run or a later."""
        self.problem = problem
        self.latest = checked_draw(sampler, problem, n, first=first)
        self.watch.see(self.latest)
        return self.latest

    def mark(self) -> None:
        """Remember where the stream of training is."""
        self.stream = Moment.now()

    def put_back(self) -> None:
        """Put the stream back to where training left it."""
        if self.stream is not None:
            self.stream.put_back()

    def resume_from(self, random: Moment) -> None:
        """Let the stream of training be that of an earlier state."""
        self.stream = random

    def end(self) -> None:
        """The stream ends with training, but for a checkpoint that is written later."""
        self.stream, self.ended = None, self.stream

    def state(self) -> dict[str, object]:
        """What a checkpoint holds of it beside the sampler: where the stream is."""
        if self.stream is None and self.resumed is not None and self.resumed.state is not None:
            return self.resumed.state
        return (self.stream or self.ended or Moment.now()).plain()

    def take_up(self, state: dict[str, object] | None, seed: int | None, step: int) -> None:
        """Take up what a checkpoint held, to go on from there when training begins.

        Args:
            state: of this process, if there was one.
            seed: that it came from, if the checkpoint says.
            step: of training.
        """
        self.resumed = SavedStream(state, seed, step)
