"""The app's entry point: ``streamlit run app/main.py`` (``make run`` does it all).

Streamlit takes any port of this machine for an origin of its own, and asks a public service for this machine's address
before it refuses another one. The gate stands before it, so nothing that is to be refused gets that far.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # streamlit puts the folder of this file on the path, not the repository
    sys.path.insert(0, str(ROOT))

from app import preload  # noqa: E402
from core.errors import TesseraError  # noqa: E402
from core.settings import Settings  # noqa: E402
from core.web import HostCheck, parse_hosts  # noqa: E402

try:
    names = Settings.from_environment().allowed_hosts
    parse_hosts(names)
except TesseraError as error:
    sys.exit(str(error))
GATE = Middleware(HostCheck, names=names)
preload.begin()
app = st.App(ROOT / "app" / "script.py", middleware=[GATE])
