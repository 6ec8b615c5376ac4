# SPDX-License-Identifier: MIT
"""Run commands of mic in this process; tests that import this are skipped without extra `cli`."""

from pathlib import Path

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner

from mic.cli.commands import cli

try:
    Path("no such file").stat()
except OSError as error:
    NO_SUCH_FILE = error.strerror  # each system has its own words


def invoke(*arguments):
    """Return a command's exit code, whatever it is, and everything it printed."""
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def run(*arguments, code=0):
    """Run a command, check its exit code, return everything it printed."""
    found, output = invoke(*arguments)
    assert found == code, output
    return output


def fails(*arguments):
    """Return the output of a command that fails: one sentence and no traceback."""
    output = run(*arguments, code=1)
    assert output.startswith("mic: ") and output.count("\n") == 1, output
    return output
