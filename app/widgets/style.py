"""The few touches that the theme in .streamlit/config.toml cannot give."""

from __future__ import annotations

import streamlit as st

from core.figures.palette import ARMS

_STYLE = """
.stMainBlockContainer { padding-top: 2.6rem; padding-bottom: 5rem; max-width: 1240px; }
.st-key-page-question h2 {
  font: 400 1.08rem/1.6 "Source Sans", sans-serif; opacity: .78; padding: 0; margin-bottom: .4rem;
}
[class*="st-key-answer-"] [data-testid="stText"] { font-size: 1.12rem; font-weight: 600; line-height: 1.45; }
[class*="st-key-draft-"] [data-testid="stText"] { font-style: italic; opacity: .75; font-size: .92rem; }
[class*="st-key-passage-"] [data-testid="stText"] { font-size: .92rem; line-height: 1.5; }
[class*="st-key-support-"] {
  border-left: 3px solid #17967c; background: rgba(23, 150, 124, .13); padding: .2rem .6rem;
}
[class*="st-key-support-"] [data-testid="stText"] { font-weight: 600; }
/* Korean breaks its lines between words; one that is longer than its line still breaks. */
.stApp :is(p, li, h1, h2, h3, h4, label) { word-break: keep-all; overflow-wrap: anywhere; }
[class*="st-key-status-"] p { font-size: .86rem; }
[data-testid="stMetricLabel"] p { font-size: .8rem; }
[data-testid="stSidebarHeader"] > :first-child::after {
  content: "Tessera"; font-family: "Source Serif", serif; font-size: 1.35rem; font-weight: 600; margin-left: .6rem;
}
[data-testid="stSidebarHeader"] > :first-child { display: flex; align-items: center; }
.st-key-facts p { font-size: .84rem; line-height: 1.7; }
[class*="st-key-arm-"] h3 { font-size: 1.12rem; padding-top: .4rem; }
.st-key-suggestions { row-gap: 0; }
/* Streamlit writes captions at 60 %, chosen options in the accent and chart text in a fixed grey: too faint to read. */
[data-testid="stCaptionContainer"] { opacity: .76; }
[data-testid="stButtonGroup"] button[data-selected="true"] { color: inherit !important; font-weight: 600; }
[data-testid="stSliderThumbValue"] { color: inherit !important; }
.js-plotly-plot :is(.xtick, .ytick, .g-xtitle, .g-ytitle, .textpoint) text,
.js-plotly-plot :is(.legendtext, .bartext-outside) { fill: currentColor !important; fill-opacity: .82 !important; }
/* Names of cells lie on passages and borders: a rim in the colour of the page keeps them legible. */
:is(.st-key-map, .st-key-learn_map) .annotation-text {
  fill: currentColor !important; paint-order: stroke; stroke: Canvas; stroke-width: 3px; stroke-opacity: .8;
}
"""


def apply_style() -> None:
    """Adds the style sheet to the page."""
    arms = "\n".join(
        f".st-key-arm-{name} {{ border-top: 4px solid {style.colour} !important; }}"
        f'.st-key-arm-{name} :is(h3, h4) :is(span[role="img"], [data-testid="stIconMaterial"])'
        f" {{ color: {style.colour}; }}"
        for name, style in ARMS.items()
    )
    st.html(f"<style>{_STYLE}{arms}</style>")
