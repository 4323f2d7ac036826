"""The order of the training data, and its noise: a function of a seed and of where Trainer stands.

The seed is all that a checkpoint holds of it; where training stands is in Trainer's own progress.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from typing import Any

import lightning as L
from lightning.fabric.utilities.types import _Stateful
from lightning.pytorch.trainer.connectors.data_connector import _DataLoaderSource
from lightning.pytorch.utilities import CombinedLoader, rank_zero_warn
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.data import DataLoader, IterableDataset

from lightning_ebm.data.resumable import Place, ResumableLoader, can_resume
from lightning_ebm.errors import SettingError
from lightning_ebm.random_state import Moment
from lightning_ebm.undeclared import epochs_processed


class DataOrder:
    """Makes every loader of training data that can be resumable so, the user's own included.

    Attributes:
        seed: of the run, the same in every process.
        resumed: the seed that a checkpoint held, until training goes on from there.
    """

    def __init__(self) -> None:
        self.seed = 0
        self.resumed: int | None = None
        self._saved: dict[str, Any] | None = None
        self._rank = 0

    def attach(self, trainer: L.Trainer, stream: Callable[[], Moment | None]) -> None:
        """Stand between Trainer and where its training data come from.

        Args:
            trainer: about to fit.
            stream: where generators are to be when a batch has been loaded: see `ResumableLoader`.
        """
        loop = trainer.fit_loop
        # Made anew, since an earlier fit may have ended before it could detach.
        plain = _DataLoaderSource(loop._data_source.instance, loop._data_source.name)

        def place() -> Place:
            epoch = epochs_processed(trainer)
            # Once training has ended, its loader is anybody's.
            ended = loop._data_source is not source
            done = 0 if ended else loop.epoch_loop.batch_progress.current.ready
            return Place(self.seed, self._rank, epoch, done)

        def resumable(loader: object) -> object:
            return ResumableLoader.of(loader, place, stream) if can_resume(loader) else loader

        source = loop._data_source = _ResumableSource(plain, resumable)

    @staticmethod
    def detach(trainer: L.Trainer) -> None:
        """Leave Trainer as it was."""
        if isinstance(source := trainer.fit_loop._data_source, _ResumableSource):
            trainer.fit_loop._data_source = source.plain

    @staticmethod
    def one_pass(trainer: L.Trainer) -> Iterator[Any]:
        """Batches of the user's training data apart from Trainer's loop, in another order."""
        source = trainer.fit_loop._data_source
        loaders = (source.plain if isinstance(source, _ResumableSource) else source).dataloader()
        if not all(isinstance(loader, Iterable) for loader in tree_leaves(loaders)):
            raise SettingError(
                f"data gives {loaders!r:.80} where batches of training are asked for: let "
                "train_dataloader return a DataLoader"
            )
        combined = isinstance(loaders, CombinedLoader)
        for batch, _, _ in loaders if combined else CombinedLoader(loaders, "max_size_cycle"):
            yield batch

    def begin(self, seed: int, rank: int) -> None:
        """Go on with the order of a resumed run; in a new one take this seed.

        Args:
            seed: the same in every process.
            rank: of this process.
        """
        self.seed = seed if self.resumed is None else self.resumed
        self.resumed = None
        self._rank = rank

    def save(self, checkpoint: dict[str, Any], trainer: L.Trainer) -> dict[str, Any]:
        """What a checkpoint is to hold: the seed, and how many batches an epoch has.

        The empty states of loaders are taken out of it: Trainer would refuse to resume with
        another number of loaders that have a state.
        """
        loop = checkpoint.get("loops", {}).get("fit_loop", {}).get("state_dict", {})
        if not any(loop.get("combined_loader", ())):
            loop.pop("combined_loader", None)
        return {"data_seed": self.seed, "epoch_batches": float(trainer.num_training_batches)}

    def load(self, shared: dict[str, Any]) -> None:
        """Take up what a checkpoint holds, if it does."""
        self.resumed = shared.get("data_seed")
        self._saved = shared

    def say_what_is_lost(self, trainer: L.Trainer) -> None:
        """Warn, in the middle of an epoch, of data that go on elsewhere than they stopped."""
        done = trainer.fit_loop.epoch_loop.batch_progress.current.ready
        if not 0 < done < trainer.num_training_batches or self._saved is None:
            return
        loaders = tree_leaves(trainer.train_dataloader)
        anew = [_name(loader) for loader in loaders if not isinstance(loader, _Stateful)]
        before, now = self._saved.get("epoch_batches"), float(trainer.num_training_batches)
        if before is None:
            cause = "its checkpoint does not hold the order of the data"
        elif before != now:
            cause = f"an epoch had {before:g} batches and has {now:g}"
        elif anew:
            cause = f"the order of {', '.join(anew)} is known to itself alone"
        else:
            return
        rank_zero_warn(
            f"resumed after {done} batches of an epoch, but {cause}: in the rest of it some "
            "points are seen twice and others not at all; resume from the end of an epoch, or "
            "with a plain DataLoader, of a data set that is no IterableDataset, as it was"
        )


class _ResumableSource(_DataLoaderSource):
    """Where training data come from, each loader exchanged for a resumable one."""

    def __init__(self, plain: _DataLoaderSource, resumable: Any) -> None:  # noqa: ANN401
        super().__init__(plain.instance, plain.name)
        self.plain = plain
        self._resumable = resumable

    def dataloader(self) -> Any:  # noqa: ANN401 - loaders in any nesting
        loaders = super().dataloader()
        if isinstance(loaders, CombinedLoader):
            combined = copy(loaders)
            combined.flattened = [self._resumable(loader) for loader in loaders.flattened]
            return combined
        return tree_map(self._resumable, loaders)


def _name(loader: object) -> str:
    if isinstance(loader, DataLoader) and isinstance(loader.dataset, IterableDataset):
        return type(loader.dataset).__name__
    return type(loader).__name__
