"""Shell completion, asked of a real shell."""

import shutil
import subprocess

import pytest

from tests.experiments.shell import call


@pytest.mark.parametrize(
    ("typed", "proposed"),
    [
        ("tra", {"train"}),
        ("train mnist-", {"mnist-nin", "mnist-lenet"}),
        ("train digits --optimizer inn", {"inna", "innaprop"}),
        ("figure 4.", {"4.1", "4.2", "4.3", "4.4", "4.5", "4.6"}),
        ("train digits --schedule c", {"constant", "cosine"}),
    ],
)
def test_bash_completes(typed, proposed):
    script = call("completion", "bash").stdout
    words = ["inna-optax", *typed.split()]
    shell = f"""{script}
COMP_WORDS=({" ".join(words)})
COMP_CWORD={len(words) - 1}
_shtab_inna_optax
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        [shutil.which("bash"), "-c", shell], capture_output=True, text=True, check=True
    )
    assert {line.strip() for line in done.stdout.splitlines()} == proposed


@pytest.mark.parametrize("shell", ["zsh", "fish", "tcsh"])
def test_other_shells_have_a_script(shell):
    assert "damped_momentum" in call("completion", shell).stdout
