"""Bytes that are no text, as a shell hands them over: a sentence, and no traceback."""

import json
import os
import subprocess
import sys

import pytest

from core.settings import ROOT


def run(tmp_path, *arguments):
    environment = {**os.environ, "TESSERA_WORKSPACES": str(tmp_path), "TESSERA_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120)


NONE = b"caf\xe9"


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "--text", NONE),
        ("query", b"--text=" + NONE),
        ("search", NONE),
        ("ask", NONE),
        ("prepare", "--dataset", NONE),
    ],
)
def test_an_argument_that_is_no_text_is_refused_in_a_sentence(tmp_path, arguments):
    done = run(tmp_path, *arguments)
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert b"caf\\xe9 is no text in UTF-8" in done.stderr


def test_the_same_as_json(tmp_path):
    done = run(tmp_path, "query", "--json", "--text", NONE)
    assert "no text" in json.loads(done.stdout)["error"] and done.returncode == 1
