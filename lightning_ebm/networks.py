"""What the library demands of networks while it samples: frozen, and one point at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from lightning_ebm.errors import SettingError

_PLAIN, _FAST = nn.Module.__setattr__, object.__setattr__


def bare(network: nn.Module) -> nn.Module:
    """The network inside wrappers that compile it or spread its batch over devices.

    They share its weights, but not its attributes, and write their own name into its keys.
    """
    return network.get_submodule(wrapping(network).removesuffix("."))


def wrapping(network: nn.Module) -> str:
    """What such wrappers put before the keys of the network inside: "" or names, with dots."""
    names = ""
    while True:
        if isinstance(network, torch._dynamo.OptimizedModule):
            name = "_orig_mod"
        elif isinstance(network, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            name = "module"
        else:
            return names
        names, network = f"{names}{name}.", getattr(network, name)


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Hold networks in eval mode with no gradients on parameters; restore every flag on leaving.

    Eval mode keeps batch statistics, dropout masks and spectral-norm vectors still, so that
    nothing a sampler does changes a buffer.
    """
    trained: list[nn.Module] = []
    learning: list[nn.Parameter] = []
    # Every draw comes by here: what is frozen already is passed over, as what is met twice is.
    waiting = list(networks)
    try:
        while waiting:
            module = waiting.pop()
            if module.training:
                trained.append(module)
                _set_training(module, flag=False)
            for parameter in module._parameters.values():
                if parameter is not None and parameter.requires_grad:
                    learning.append(parameter)
                    parameter.requires_grad = False
            for part in module._modules.values():
                if part is not None:
                    waiting.append(part)
        yield
    finally:
        for module in trained:
            _set_training(module, flag=True)
        for parameter in learning:
            parameter.requires_grad = True


@contextmanager
def sampling(*networks: nn.Module) -> Iterator[None]:
    """What samplers rely on: gradients enabled, networks frozen, full precision.

    Also under Lightning's inference mode; tensors made in it must be cloned before use.
    """
    device = next((p.device.type for net in networks for p in net.parameters()), "cpu")
    # Every draw comes by here, and most need neither of the two.
    inferring, casting = torch.is_inference_mode_enabled(), torch.is_autocast_enabled(device)
    with (
        torch.inference_mode(False) if inferring else nullcontext(),
        torch.enable_grad(),
        torch.autocast(device, enabled=False) if casting else nullcontext(),
        frozen(*networks),
    ):
        yield


def _set_training(module: nn.Module, *, flag: bool) -> None:
    if type(module).__setattr__ is _PLAIN:
        # That one asks first whether a flag is a parameter, a buffer or a module.
        _FAST(module, "training", flag)
    else:
        module.training = flag


def refuse_batch_norm(energy: nn.Module) -> None:
    """Raise `SettingError` if an energy has a layer that couples the points of a batch."""
    for name, module in energy.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise SettingError(
                f"model.energy has a {type(module).__name__} layer ('{name}'), which makes the "
                "energy of a point depend on the rest of its batch: use GroupNorm, LayerNorm or "
                "spectral normalisation instead"
            )


def check_energy(energy: nn.Module, x: Tensor) -> None:
    """Raise `SettingError` unless an energy can be learned and sampled.

    It maps `(n, *event)` to one number per point alone, has a gradient in the points, and
    parameters to learn.
    """
    require_event_shape("model.energy", bare(energy), x)
    with torch.no_grad(), frozen(energy):
        together = tried("model.energy", energy, x[:4])
        if together.shape not in {(len(x[:4]),), (len(x[:4]), 1)}:
            raise SettingError(
                f"model.energy must give one number per point, shape (n,) or (n, 1), but gives "
                f"shape {tuple(together.shape)} for points of shape {tuple(x[:4].shape)}: "
                "end the network with one output"
            )
        alone = torch.cat([energy(point) for point in x[:4].split(1)])
    if not together.is_floating_point():
        raise SettingError(
            f"model.energy gives {together.dtype} for a point: return real floating-point numbers"
        )
    if together.isnan().any():
        raise SettingError(
            f"model.energy is {type(energy).__name__}, which gives NaN for points of data: mend it"
        )
    if not torch.allclose(together, alone, rtol=1e-3, atol=1e-3):
        raise SettingError(
            "model.energy gives a point another energy when other points are in its batch: "
            "use layers that see one point at a time"
        )
    if not any(parameter.requires_grad for parameter in energy.parameters()):
        raise SettingError(
            f"model.energy is {type(energy).__name__}, which has no parameters that learn: give a "
            "network with parameters whose requires_grad is true"
        )
    with torch.enable_grad(), frozen(energy):
        if not energy(x[:4].clone().requires_grad_()).requires_grad:
            raise SettingError(
                f"model.energy is {type(energy).__name__}, which has no gradient in its points, "
                "and samplers follow it: compute energies from the points by differentiable "
                "operations, without detach, argmax, rounding or no_grad"
            )


def require_event_shape(key: str, network: nn.Module, x: Tensor) -> None:
    """Raise `SettingError` if a network says that it is for points of another shape.

    Many a wrong shape broadcasts, and would be computed with in silence.
    """
    shape = getattr(network, "event_shape", None)
    if shape is not None and tuple(shape) != tuple(x.shape[1:]):
        raise SettingError(
            f"{key}.event_shape is {list(shape)}, but data has points of shape "
            f"{list(x.shape[1:])}: make them equal"
        )


def tried(key: str, network: nn.Module, x: Tensor) -> Tensor:
    """What a network makes of points; `SettingError` if it raises, or gives no tensor."""
    try:
        values = network(x)
    # Anybody's network, tried on shapes that it was perhaps not made for: it may raise anything.
    except (Exception, SystemExit) as failure:
        raise SettingError(
            f"{key} is {type(network).__name__}, which cannot take points of shape "
            f"{list(x.shape[1:])} as data has them: {type(failure).__name__}: {failure}"
        ) from failure
    if not isinstance(values, Tensor):
        raise SettingError(
            f"{key} is {type(network).__name__}, which returns a {type(values).__name__}: return "
            "a tensor with one number per point"
        )
    return values
