"""The app's entry point: ``streamlit run app/main.py`` (``make run`` does it all)."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # streamlit puts the folder of this file on the path, not the repository
    sys.path.insert(0, str(ROOT))

from app.navigation import PAGES  # noqa: E402
from app.widgets.frame import guarded, sidebar  # noqa: E402
from app.widgets.style import apply_style  # noqa: E402
from app.words import t  # noqa: E402

st.set_page_config(page_title="Tessera", page_icon=str(ROOT / "assets" / "logo.svg"), layout="wide")
st.logo(str(ROOT / "assets" / "logo.svg"), size="large")
page = st.navigation(
    [
        st.Page(
            info.path,
            title=t(info.title),
            icon=info.icon,
            url_path="" if info.name == "start" else info.name,
            default=info.name == "start",
        )
        for info in PAGES.values()
    ]
)
apply_style()
with guarded():
    sidebar()
    page.run()
