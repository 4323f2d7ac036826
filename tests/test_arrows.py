"""Parts of the library, which are its sub-packages and modules, import one another one way."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import lightning_ebm

PACKAGE = Path(lightning_ebm.__file__).parent


def arrows(root):
    """Each part below a package, and the parts that any code of it imports, wherever it does."""
    graph = {}
    for path in root.rglob("*.py"):
        place = path.relative_to(root)
        part = place.parts[0].removesuffix(".py")
        if part == "__init__":
            # Lends the names of all its parts, and is imported before any of them.
            continue
        tree = ast.parse(path.read_text("utf-8"))
        graph.setdefault(part, set()).update(imported(tree, root.name, place) - {part})
    return graph


def imported(tree, package, place):
    parts = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{base(node, package, place)}.{alias.name}" for alias in node.names]
        else:
            continue
        split = [name.split(".") for name in names]
        parts |= {name[1] for name in split if name[0] == package and len(name) > 1}
    return parts


def base(node, package, place):
    if node.level == 0:
        return node.module
    folders = [package, *place.parent.parts]
    return ".".join([*folders[: len(folders) + 1 - node.level], *filter(None, [node.module])])


def test_no_arrow_points_up():
    graph = arrows(PACKAGE)
    TopologicalSorter(graph).prepare()
    by_the_roof = set().union(*graph.values()) - set(graph)
    assert not by_the_roof, "names that the package itself lends hide which part they are of"


@pytest.mark.parametrize(
    "code",
    [
        "import house.below.a",
        "from house import below",
        "from house.below import a",
        "from ..below.a import x",
        "def late():\n    from house.below import a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.below.a import x",
    ],
)
def test_a_circle_is_seen_however_it_is_closed(code, tmp_path):
    files = {"above/b.py": code, "below/a.py": "from house.middle import y", "middle.py": ""}
    house = tmp_path / "house"
    for name, text in files.items():
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        (house / name).write_text(text)
    TopologicalSorter(arrows(house)).prepare()
    (house / "middle.py").write_text("from house.above import b")
    with pytest.raises(CycleError):
        TopologicalSorter(arrows(house)).prepare()
