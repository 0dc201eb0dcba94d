"""The whole app on the tiny model, for a real server: ``streamlit run tests/app/many/tiny_main.py``."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[3]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from app.main import GATE  # noqa: E402

app = st.App(ROOT / "tests" / "app" / "many" / "tiny_script.py", middleware=[GATE])
