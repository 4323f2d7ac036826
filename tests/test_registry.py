"""Samplers are found through entry points of installed distributions, the faulty ones named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lightning_ebm.errors import SettingError
from lightning_ebm.registry import find, registered, registered_names

SAMPLER = """
from lightning_ebm import Draw, Sampler

class Mine(Sampler):
    def sample(self, problem, n):
        return Draw(problem.reference.sample(n)[0], {})
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Lay out an installed distribution with one module, which registers `Mine` under a name."""
    monkeypatch.syspath_prepend(tmp_path)

    def lay_out(distribution: str, name: str, code: str, target: str = "Mine") -> None:
        module = f"plug_in_{distribution.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{distribution.replace('-', '_')}-2.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 2.1\n"
        )
        (info / "entry_points.txt").write_text(
            f"[lightning_ebm.samplers]\n{name} = {module}:{target}\n"
        )

    return lay_out


def entries() -> dict[str, list]:
    found = {}
    for entry in registered():
        found.setdefault(entry.name, []).append(entry)
    return found


def test_the_built_in_samplers_are_registered():
    assert {"ula", "hmc", "flow_mcmc", "flow_tempering", "coopflow", "nt_ebm"} <= set(entries())
    assert find("mala").__name__ == "MALASampler"


def test_an_installed_plug_in_is_found(install):
    install("some-plugin", "mine", SAMPLER)
    assert find("mine").__name__ == "Mine"
    (entry,) = entries()["mine"]
    assert entry.distribution == "some-plugin 2.1"
    assert entry.target == "plug_in_some_plugin:Mine"
    assert entry.error is None


def test_an_unknown_name_suggests_a_near_one():
    with pytest.raises(SettingError, match=r"'flow_mcm'.*did you mean 'flow_mcmc'.*coopflow"):
        find("flow_mcm")


def test_a_name_like_no_other_suggests_nothing():
    with pytest.raises(SettingError, match="choose one of") as caught:
        find("xyzzy")
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import package_that_is_not_there", "ModuleNotFoundError.*package_that_is_not_there"),
        ("1 / 0", "ZeroDivisionError"),
        ("def (", "SyntaxError"),
        ("", "AttributeError.*Mine"),
    ],
)
def test_a_broken_plug_in_is_listed_with_its_error_and_spoils_no_other(code, error, install):
    distribution = f"broken-{abs(hash(code))}"
    install(distribution, "broken", code)
    (entry,) = entries()["broken"]
    assert entry.sampler is None
    assert distribution in entry.error
    with pytest.raises(SettingError, match=f"'broken' cannot be used: .*{error}"):
        find("broken")
    assert find("ula").__name__ == "ULASampler"


def test_a_name_taken_twice_is_an_error_that_names_both(install):
    install("first-plugin", "same", SAMPLER)
    install("second-plugin", "same", SAMPLER)
    with pytest.raises(SettingError, match=r"first-plugin 2\.1 and by second-plugin 2\.1"):
        find("same")
    assert [entry.sampler for entry in entries()["same"]] == [None, None]
    assert find("ula").__name__ == "ULASampler"


def test_a_plug_in_cannot_take_a_built_in_name(install):
    install("thief", "ula", SAMPLER)
    with pytest.raises(SettingError, match=r"lightning-ebm .* and by thief 2\.1"):
        find("ula")


@pytest.mark.parametrize("code", ["class Mine: pass", "Mine = 3", SAMPLER + "\nMine = Mine()"])
def test_what_is_no_sampler_class_is_refused(code, install):
    install(f"other-{abs(hash(code))}", "other", code)
    with pytest.raises(SettingError, match=r"is not a lightning_ebm\.Sampler class"):
        find("other")


def test_looking_for_one_sampler_runs_no_code_of_another(install, tmp_path):
    install("noisy", "noisy", f"open({str(tmp_path / 'noise')!r}, 'w').close()\n" + SAMPLER)
    assert find("ula").__name__ == "ULASampler"
    assert "noisy" in registered_names()
    with pytest.raises(SettingError, match=r"choose one of .*noisy"):
        find("nobody")
    assert not (tmp_path / "noise").exists()
    assert find("noisy").__name__ == "Mine"
    assert (tmp_path / "noise").exists()


def test_a_plug_in_that_exits_is_listed_with_its_error(install):
    install("exiting", "exiting", "raise SystemExit(0)")
    (entry,) = entries()["exiting"]
    assert "SystemExit" in entry.error


@pytest.mark.parametrize("name", ["__name__", "_hidden", "with-dash", "with.dot", "class"])
def test_a_name_that_no_class_can_have_is_refused(name, install):
    install(f"named-{abs(hash(name))}", name, SAMPLER)
    with pytest.raises(SettingError, match="rename the entry point"):
        find(name)


def test_a_sampler_is_found_by_path_among_the_plug_ins(install):
    from lightning_ebm import plugins

    install("by-path", "by_path", SAMPLER)
    assert plugins.by_path.__name__ == "by_path"
    assert issubclass(plugins.by_path, find("by_path"))
    assert not hasattr(plugins, "nobody")
