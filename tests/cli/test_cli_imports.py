# SPDX-License-Identifier: MIT
"""What a command imports: for the help nothing dear, and never what it does not use."""

import json
import subprocess
import sys

import numpy as np
import pytest

import mic

click = pytest.importorskip("click")
commands = pytest.importorskip("mic.cli.commands", exc_type=ImportError)
cli, load, COMMANDS = commands.cli, commands.load, commands.COMMANDS

CODE = """
import json, sys
from mic.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def imported_by(folder, *arguments):
    """Modules that a process has imported when a command is done."""
    command = [sys.executable, "-c", CODE, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr))


@pytest.fixture
def folder(tmp_path):
    image = np.arange(48 * 40, dtype="uint16").reshape(48, 40)
    np.save(tmp_path / "x.npy", image)
    (tmp_path / "x.mic").write_bytes(mic.encode(image))
    return tmp_path


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("--version",)])
def test_help_needs_click_only(folder, arguments):
    dear = {"numpy", "rich", "pydicom", "mic._mic", "tempfile", "concurrent.futures"}
    assert not dear & imported_by(folder, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("encode", "x.npy", "y.mic"),
        ("decode", "x.mic", "y.npy"),
        ("info", "x.mic"),
        ("verify", "x.mic", "x.npy"),
        *((name, "--help") for name in ("encode", "decode", "info", "verify")),
    ],
)
def test_pydicom_is_for_dicom_only(folder, arguments):
    dear = {"pydicom", "PIL", "tifffile", "mic.volume", "mic.benchmark", "mic.transcode"}
    assert not dear & imported_by(folder, *arguments)


def test_the_package_imports_nothing_until_it_is_asked():
    code = "import sys, mic; print(*sys.modules); mic.encode; assert 'numpy' in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pydicom", "mic._mic"} & set(done.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_commands_say(name):
    command, line = load(name), cli.commands[name]
    assert command.name == name
    for width in (20, 45, 60, 200):
        assert line.get_short_help_str(width) == command.get_short_help_str(width)


def test_the_help_is_that_of_a_plain_group():
    plain = click.Group("cli", commands=[load(name) for name in COMMANDS])
    ours, theirs = (group.get_help(click.Context(group)) for group in (cli, plain))
    listed = ours.partition("Commands:")[2]
    assert listed and listed == theirs.partition("Commands:")[2]


def test_completion_and_unknown_commands():
    context = click.Context(cli, info_name="mic")
    found = {item.value: item.help for item in cli.shell_complete(context, "ve")}
    assert found["verify"] == load("verify").get_short_help_str()
    with pytest.raises(click.UsageError, match="No such command 'verfy'"):
        cli.resolve_command(context, ["verfy"])
