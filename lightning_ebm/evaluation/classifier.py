"""A small classifier, fitted in seconds, that tells which class an item belongs to."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lightning_ebm.random_state import isolated


def fit_classifier(
    x: Tensor, labels: Tensor, n_classes: int, n_steps: int = 400, batch_size: int = 64
) -> nn.Module:
    """Fit a network to labelled items, convolutional to images, by Adam on cross-entropy.

    It always comes out the same, whatever was drawn before, and leaves the random state alone.

    Args:
        x: images `(n, channels, h, w)`, or points of another shape.
        labels: `(n,)`, from 0 to K - 1.
        n_classes: K.
        n_steps: optimizer steps.
        batch_size: items per step.

    Returns:
        A network in eval mode that maps items to logits `(n, K)`.
    """
    with isolated(), torch.inference_mode(False), torch.enable_grad():
        torch.manual_seed(0)
        x, labels = x.clone(), labels.clone()
        network = _network(x.shape[1:], n_classes).to(x.device)
        optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
        for _ in range(n_steps):
            picked = torch.randint(len(x), (batch_size,)).to(x.device)
            loss = nn.functional.cross_entropy(network(x[picked]), labels[picked])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval().requires_grad_(False)


@torch.no_grad()
def accuracy(classifier: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """Share of items that the classifier gets right."""
    logits: Tensor = classifier(x)
    return (logits.argmax(1) == labels).float().mean()


def _network(shape: torch.Size, n_classes: int) -> nn.Module:
    if len(shape) != 3:
        # Points are in anybody's units, which the first layer takes out.
        first = nn.BatchNorm1d(shape.numel(), affine=False, momentum=None)
        hidden = [nn.Linear(shape.numel(), 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU()]
        return nn.Sequential(nn.Flatten(), first, *hidden, nn.Linear(64, n_classes))
    layers: list[nn.Module] = []
    channels, side = shape[0], min(shape[1:])
    for width in (16, 32):
        stride = 2 if side >= 4 else 1
        layers += [nn.Conv2d(channels, width, 3, stride=stride, padding=1), nn.SiLU()]
        channels, side = width, side // stride
    layers += [nn.Flatten(), nn.LazyLinear(64), nn.SiLU(), nn.Linear(64, n_classes)]
    network = nn.Sequential(*layers)
    network(torch.zeros(1, *shape))
    return network
