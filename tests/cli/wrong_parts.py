"""Energies and data that cannot work, to be named by class path in wrong commands."""

from __future__ import annotations

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader


class NoParameters(nn.Module):
    def forward(self, x):
        return x.square().sum(1)


class NoGradient(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x):
        return self.layer(x.detach()).squeeze(1)


class TwoNumbers(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)


class GivesNaN(TwoNumbers):
    def forward(self, x):
        return super().forward(x).sum(1) * torch.nan


class OfAWrongShape(TwoNumbers):
    event_shape = 2


class Raises(TwoNumbers):
    def forward(self, x):
        raise RuntimeError("out of order")


class Exits(TwoNumbers):
    def forward(self, x):
        raise SystemExit(0)


class GivesNothing(TwoNumbers):
    def forward(self, x):
        return None


class CannotBeMade(nn.Module):
    def __init__(self):
        raise LookupError("no luck")


class GivesComplex(TwoNumbers):
    def forward(self, x):
        return super().forward(x)[:, 0] + 0j


class RaisesLater(nn.Linear):
    def __init__(self):
        super().__init__(2, 1)

    def forward(self, x):
        if self.training and torch.is_grad_enabled() and self.weight.requires_grad:
            raise LookupError("later")
        return super().forward(x).squeeze(1)


class Couples(TwoNumbers):
    def forward(self, x):
        return super().forward(x - x.mean(0)).sum(1) + x.mean()


class Normalises(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))


class Given(L.LightningDataModule):
    """Batches of 32 of whatever `points` gives."""

    def points(self):
        return torch.randn(64, 2)

    def train_dataloader(self):
        return DataLoader(self.points(), batch_size=32)

    val_dataloader = test_dataloader = train_dataloader


class NotANumber(Given):
    def points(self):
        points = torch.randn(64, 2)
        points[40, 1] = torch.nan
        return points


class Dictionaries(Given):
    def points(self):
        return [{"image": point} for point in torch.randn(64, 2)]


class Words(Given):
    def points(self):
        return ["point"] * 64


class Complex(Given):
    def points(self):
        return torch.randn(64, 2, dtype=torch.complex64)


class Flat(Given):
    def points(self):
        return torch.randn(64)


class OnePoint(Given):
    def points(self):
        return torch.randn(1, 2)


class GivesNoLoader(Given):
    def train_dataloader(self):
        return None


class RaisesInSetup(Given):
    def setup(self, stage):
        raise LookupError("no points")


class ExitsInSetup(Given):
    def setup(self, stage):
        raise SystemExit(0)


class OfOtherShapes(Given):
    def points(self):
        return [torch.randn(2 + index % 2) for index in range(64)]


class OfOtherShapesToWorkers(OfOtherShapes):
    def train_dataloader(self):
        return DataLoader(self.points(), batch_size=32, num_workers=1)


class RaisesInItems(Given):
    class Points(torch.utils.data.Dataset):
        def __len__(self):
            return 64

        def __getitem__(self, index):
            raise LookupError("no such point")

    def points(self):
        return self.Points()
