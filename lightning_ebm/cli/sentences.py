"""What a message of the parser comes down to: one sentence with key, value and remedy."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from importlib import import_module

from lightning_ebm.cli.misspelt import unknown_option
from lightning_ebm.cli.subcommands import unknown_subcommand
from lightning_ebm.data import Density
from lightning_ebm.energies import Energy
from lightning_ebm.flows import Flow
from lightning_ebm.kernels import Kernel
from lightning_ebm.registry import find, registered_names, unknown_name
from lightning_ebm.sampler import Sampler
from lightning_ebm.starts import Start

ROLES = {
    "energy": Energy,
    "flow": Flow,
    "density": Density,
    "start": Start,
    "first": Start,
    "kernel": Kernel,
    "local": Kernel,
}
INNERMOST = r"Union subtypes((?:(?!Union subtypes).)*?)Given value: ([^\n]*)"
"""A union's members' complaints, and what they complain of, where no member is a union."""

UNIMPORTABLE = (
    r"class_path '([^']+)':\s+((?:module '|No module|cannot import).*)"
    r"|callable class: (.*)\. Got value: (\S+)"
)
"""A class path that leads nowhere, and Python's reason."""
OF_ANOTHER_KIND = r"(?:Import path (\S+ )?does not correspond to a|Not a valid) subclass of (\w+)"
"""What is given in place of a class, if that is told at once, and the class."""


def sentence(message: str, class_at: Callable[[str], str | None]) -> str:
    """The sentence that jsonargparse's message comes down to.

    Args:
        message: what the parser says, often over several lines.
        class_at: the class that arguments and configurations name at a dotted key, if any.
    """
    key = ".".join(re.findall(r'[Pp]arser key "([^"]+)"', message))
    if found := re.search(r"Given value: Namespace\(class_path='([\w.]+)', init_args=", message):
        return _unfinished(key, found.group(1))
    if found := re.search(r"Union subtypes(.*)Given value: (.*)", message, re.DOTALL):
        wanted = _plain(found.group(1))
        if wanted is not None:
            return (
                f"{key} is '{found.group(2).partition('. Got value')[0].strip()}': give {wanted}"
            )
    if found := re.search(r"Expected a dot import path string: (\S+)", message):
        return _unknown_class(key, found.group(1))
    if found := re.search(r"Option '([^']+)' is not accepted", message):
        return _unknown_option(key, found.group(1), class_at(key))
    if found := re.search(r"Expected (?:a|an) (?!path)(.+?)\. Got value: (.*)", message):
        expected = _readable(found.group(1))
        return f"{key} is '{found.group(2).strip()}': give {expected}"
    given = re.search(r"Problem with given class_path '([^']+)'", message)
    if given and given.group(1) in registered_names():
        return _unknown_class(key, given.group(1))
    if found := re.search(r"arguments are required: (.*)", message):
        missing = re.sub(r"\b(fit|validate|test|predict)\.", "", found.group(1))
        return f"{missing} must be given: add a --config, for instance --config two_modes.yaml"
    if found := re.search(r"unrecognized arguments: (.*)", message):
        return unknown_option(found.group(1))
    if found := re.search(r"invalid choice: '([^']*)'", message):
        return unknown_subcommand(found.group(1))
    if "subcommand" in message and "not provided" in message:
        return unknown_subcommand(None)
    if found := re.search(r"Expected an instantiatable class, but (\S+)", message):
        return f"{key} is '{found.group(1)}', an abstract class: name one that has all its methods"
    if found := re.search(UNIMPORTABLE, message):
        path, reason = found.group(1) or found.group(4), found.group(2) or found.group(3)
        return f"{key} is '{path}', which cannot be imported ({reason}): give a full class path"
    if found := re.search(OF_ANOTHER_KIND, message):
        value = found.group(1) or re.findall(r"(?:Got|Given) value: (.*)", message)[0]
        said = f"{key} is '{value.strip()}', which is no {found.group(2)}"
        return f"{said}: give the full path of such a class"
    for errors, value in re.findall(INNERMOST, message, re.DOTALL):
        if wanted := _plain(errors):
            return f"{key} is '{value.strip()}': give {wanted}"
    rest = re.sub(r'[Pp]arser key "[^"]+":', "", message)
    return " ".join(f"{key} cannot be read: {rest}".split() if key else message.split())


def _unfinished(key: str, path: str) -> str:
    """What an object lacks that was named without what it needs, or what is wrong with it."""
    module, _, name = path.rpartition(".")
    parameters = inspect.signature(getattr(import_module(module), name)).parameters.values()
    needed = [
        p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    example = " ".join(f"--{key}.{one}=..." for one in needed)
    needs = f"needs {' and '.join(needed)}" if needed else "cannot be made as given"
    return f"{key} is {name}, which {needs}: give it as --{key}={name} {example}".rstrip()


def _unknown_class(key: str, name: str) -> str:
    role = key.rsplit(".", 1)[-1]
    if role == "sampler":
        if name in registered_names():
            return _refusal(name)
        return f"{key} is '{name}', but {unknown_name(name)}"
    if role in ROLES:
        known = ", ".join(sorted(_names(ROLES[role])))
        return (
            f"{key} is '{name}', which names no class: give a full class path, or one of {known}"
        )
    return f"{key} is '{name}', which names no class: give a full class path"


def _refusal(name: str) -> str:
    try:
        find(name)
    except ValueError as refusal:
        return str(refusal)
    return f"sampler '{name}' is registered, but was not when the command started: try again"


def _unknown_option(key: str, option: str, class_name: str | None) -> str:
    if class_name == "torch.nn.Sequential":
        return (
            f"{key} is torch.nn.Sequential, whose layers have no names, so that YAML cannot give "
            "them: use Sequential of this library, with event_shape and layers, a list"
        )
    options = None if class_name is None else _options(key, class_name.rsplit(".", 1)[-1])
    if options is None:
        return f"{key} has no option '{option}': --help=all after the subcommand lists its options"
    return f"{key} is {class_name}, which has no option '{option}': it has {options}"


def _options(key: str, class_name: str) -> str | None:
    role = key.rsplit(".", 1)[-1]
    if role == "sampler":
        known = _names(Sampler)
    elif role == "data":
        import lightning as L

        known = _names(L.LightningDataModule)
    else:
        known = _names(ROLES[role]) if role in ROLES else {}
    if class_name not in known:
        return None
    parameters = [p for p in inspect.signature(known[class_name]).parameters if p != "self"]
    return ", ".join(parameters) or "none"


def _names(role: type) -> dict[str, type]:
    """Concrete subclasses by name, in the hierarchy below a role."""
    found = {} if inspect.isabstract(role) else {role.__name__: role}
    children: list[type] = role.__subclasses__()
    for child in children:
        found |= _names(child)
    return found


def _readable(expected: str) -> str:
    """A type as words: `<class 'int'>` is "a value of type int", a Literal its choices."""
    if found := re.match(r"typing\.Literal\[(.*)\]", expected):
        return f"one of {found.group(1)}"
    return "a value of type " + re.sub(r"<class '([^']+)'>", r"\1", expected)


def _plain(errors: str) -> str | None:
    """What a union of types wants, from its members' complaints; None if it is an object."""
    if "Got value: " in errors or "Problem with given class_path" in errors:
        # A member has looked into the value, and complains of a part of it.
        return None
    types = dict.fromkeys(re.findall(r"Expected (?:an? )?<class '([\w.]+)'>", errors))
    choices = re.findall(r"Expected an? typing\.Literal\[(.*)\]", errors)
    if "dot import path" in errors and not {"int", "float", "str"} & types.keys():
        return None
    null = " or null" if types.pop("NoneType", 0) is None else ""
    wanted = [f"one of {', '.join(choices)}"] if choices else []
    wanted += [f"a value of type {' or '.join(types)}"] if types else []
    return " or ".join(wanted) + null if wanted else None
