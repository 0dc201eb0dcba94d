"""The few touches that the theme in .streamlit/config.toml cannot give."""

from __future__ import annotations

import streamlit as st

from core.figures.palette import ARMS

_STYLE = """
.stMainBlockContainer { padding-top: 2.6rem; padding-bottom: 5rem; max-width: 1240px; }
.st-key-page-question p { font-size: 1.08rem; opacity: .78; margin-bottom: .4rem; }
[class*="st-key-answer-"] [data-testid="stText"] { font-size: 1.12rem; font-weight: 600; line-height: 1.45; }
[class*="st-key-draft-"] [data-testid="stText"] { font-style: italic; opacity: .75; font-size: .92rem; }
[class*="st-key-passage-"] [data-testid="stText"] { font-size: .92rem; line-height: 1.5; }
[class*="st-key-support-"] {
  border-left: 3px solid #17967c; background: rgba(23, 150, 124, .13); padding: .2rem .6rem;
}
[class*="st-key-support-"] [data-testid="stText"] { font-weight: 600; }
[class*="st-key-status-"] p { font-size: .86rem; }
[data-testid="stMetricLabel"] p { font-size: .8rem; }
[data-testid="stSidebarHeader"] > :first-child::after {
  content: "Tessera"; font-family: "Source Serif", serif; font-size: 1.35rem; font-weight: 600; margin-left: .6rem;
}
[data-testid="stSidebarHeader"] > :first-child { display: flex; align-items: center; }
.st-key-facts p { font-size: .84rem; line-height: 1.7; }
"""


def apply_style() -> None:
    """Adds the style sheet to the page."""
    arms = "\n".join(
        f".st-key-arm-{name} {{ border-top: 4px solid {style.colour} !important; }}"
        f'.st-key-arm-{name} h4 span[role="img"], .st-key-arm-{name} h4 [data-testid="stIconMaterial"]'
        f" {{ color: {style.colour}; }}"
        for name, style in ARMS.items()
    )
    st.html(f"<style>{_STYLE}{arms}</style>")
