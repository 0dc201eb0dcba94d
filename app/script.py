"""What Streamlit runs for every visit: the frame, the navigation and the page that is open."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # streamlit puts the folder of this file on the path, not the repository
    sys.path.insert(0, str(ROOT))

from app import preload  # noqa: E402
from app.i18n import t  # noqa: E402
from app.navigation import PAGES  # noqa: E402

st.set_page_config(page_title="Tessera", page_icon=str(ROOT / "assets" / "logo.svg"), layout="wide")
st.logo(str(ROOT / "assets" / "logo.svg"), size="large")
preload.attend()  # what follows stands on it

from app.views.shared.frame import guarded, sidebar  # noqa: E402
from app.views.shared.present import apply_present  # noqa: E402
from app.views.shared.style import apply_style  # noqa: E402

page = st.navigation(
    {
        t(group): [
            st.Page(
                info.path,
                title=t(info.title),
                icon=info.icon,
                url_path="" if info.name == "start" else info.name,
                default=info.name == "start",
            )
            for info in PAGES.values()
            if info.group == group
        ]
        for group in dict.fromkeys(info.group for info in PAGES.values())
    },
    expanded=True,
)
with guarded():
    sidebar()
    with st.sidebar:  # here what draws nothing leaves no gap above the page
        apply_style()
        apply_present()
    page.run()
