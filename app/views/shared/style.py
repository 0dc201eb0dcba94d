"""The styles that the theme in .streamlit/config.toml cannot set."""

from __future__ import annotations

import streamlit as st

from app.i18n import language, t
from core.methods.registry import METHODS

_STYLE = """
.stMainBlockContainer { padding: 2.6rem clamp(1rem, 3vw, 3rem) 5rem; max-width: 1320px; }
.stMainBlockContainer:has(.st-key-stage, .st-key-map, .st-key-star) { max-width: 1900px; }
/* A button is as wide as its words, and columns stack before they cut them. */
.stButton button, .stFormSubmitButton button, .stDownloadButton button { white-space: nowrap; min-width: max-content; }
@media (max-width: 900px) {
  .stMainBlockContainer [data-testid="stHorizontalBlock"] { flex-wrap: wrap; row-gap: .6rem; }
  .stMainBlockContainer [data-testid="stColumn"] { min-width: min(100%, 15rem); }
}
/* But a suggested question may take a second line. */
.st-key-suggestions .stFormSubmitButton :is(button, p) { white-space: normal; min-width: 0; text-align: left; }
/* "Press Enter to submit" and the counter lie on what is typed. */
[data-testid="InputInstructions"] { display: none; }
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
[data-testid="stNavSectionHeader"] { margin: .35rem 0 0; padding-block: .15rem; }
[data-testid="stSidebarNavItems"] { max-height: none; }
[data-testid="stSidebarNavLink"] { min-height: 1.7rem; padding-block: .1rem; }
.st-key-facts p { font-size: .84rem; line-height: 1.7; }
[class*="st-key-method-"] h3 { font-size: 1.12rem; padding-top: .4rem; }
/* Learn: the table of contents, beside the step or, on a narrow screen, above it. */
.st-key-learn-contents { gap: .1rem; }
.st-key-learn-contents .stButton button {
  justify-content: flex-start; text-align: left; white-space: normal; min-width: 0; min-height: 0; padding: .3rem .6rem;
}
.st-key-learn-contents .stButton button > div { justify-content: flex-start; }
.st-key-learn-contents .stButton button p { font-size: .92rem; line-height: 1.35; }
@media (max-width: 900px) {
  .st-key-learn-contents { flex-direction: row; flex-wrap: wrap; }
  .st-key-learn-contents > * { width: auto !important; }
  .st-key-learn-contents .stButton button p { font-size: .82rem; }
}
/* Compare: answers beside their clocks, both above the fold of a common screen. */
.st-key-stage, .st-key-answers { display: grid; gap: .8rem; align-items: start; grid-template-columns: minmax(0, 1fr); }
.st-key-answers { grid-template-columns: repeat(auto-fill, minmax(min(13.5rem, 100%), 1fr)); }
/* Two by two where the clocks stand below: three would leave the usual fourth alone in its row. */
@media (max-width: 900px) {
  .st-key-answers { grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); }
}
:is(.st-key-stage, .st-key-answers) > * { min-width: 0; width: 100%; }
@media (min-width: 1200px) { .st-key-stage { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); } }
:is(.st-key-answers, .st-key-asked) :is([data-testid="stMarkdownContainer"], [data-testid="stCaptionContainer"]) {
  margin-bottom: 0 !important;
}
.st-key-answers [data-testid="stMarkdownContainer"] > p:last-child { margin-bottom: 0; }
.st-key-ask-methods { row-gap: .2rem; }
/* While answers stream, what was on the page before is in the way. */
.stMainBlockContainer:has(.st-key-stop) .stElementContainer[data-stale="true"] { display: none; }
.st-key-answers > * > [class*="st-key-method-"] { padding: .6rem .9rem; }
.st-key-answers h4 { font-size: 1rem; padding: 0; }
.st-key-answers [data-testid="stExpander"] summary { padding-block: .2rem; font-size: .86rem; }
.stMainBlockContainer:has(.st-key-asked) { padding-top: 1.4rem; }
/* Where the sidebar is closed, its button stands in a bar above the page. */
body:not([data-present]) .stApp:has([data-testid="stExpandSidebarButton"]) .stMainBlockContainer:has(.st-key-asked) {
  padding-top: 4rem;
}
/* The question is the heading then; the page's own stays for those who listen. */
.stMainBlockContainer:has(.st-key-asked) :is(.st-key-page-question, .stElementContainer:has(h1)) {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
}
.st-key-asked h3 { padding: 0; }
.st-key-asked [data-testid="stHeaderActionElements"] { display: none; }
/* What the model read. */
[class*="st-key-read-"] { border-left: 4px solid #2f6fb2; padding: .1rem .8rem; }
[class*="st-key-read-cached-"] { border-color: #c27a0a; background: rgba(194, 122, 10, .12); }
[class*="st-key-read-soft-"] { border-color: #a84f93; background: rgba(168, 79, 147, .12); }
[class*="st-key-read-written-"] { border-color: #a84f93; }
[class*="st-key-read-"] [data-testid="stText"] { font-size: .88rem; line-height: 1.45; }
/* The race. */
.race:fullscreen { background: Canvas; padding: 2rem; font-size: 1.5rem; overflow: auto; }
.race-bar { display: flex; gap: .8rem; align-items: center; margin-bottom: .8rem; }
.race-bar button { font: inherit; padding: .25rem .9rem; border: 1px solid #8a90a0; border-radius: .5rem;
  background: transparent; color: inherit; cursor: pointer; }
.race-bar .race-start { background: #0f7b6c; border-color: #0f7b6c; color: #fff; }
.race-lane { border-left: 4px solid; padding: .2rem .8rem; margin-bottom: .7rem; }
.race-head { display: flex; gap: .8rem; align-items: baseline; }
.race-watch { font-variant-numeric: tabular-nums; min-width: 4.2em; } .race-over { color: #17967c; }
.race-doing { opacity: .75; font-size: .86em; }
.race-track { position: relative; height: .8rem; background: rgba(138, 144, 160, .18); border-radius: 3px; }
.race-track i { position: absolute; top: 0; bottom: 0; }
.race-text { min-height: 1.5em; font-weight: 600; } .race-draft { font-style: italic; font-weight: 400; opacity: .8; }
/* Presenting: the page without its frame, in large type; methods appear as they are called. */
body[data-present] :is([data-testid="stSidebar"], [data-testid="stHeader"], .st-key-asked .stButton) { display: none; }
body[data-present] .stMainBlockContainer { max-width: none; padding: 1.2rem 2rem; }
body[data-present] .stMainBlockContainer > div > :not(:has(.st-key-stage, .st-key-asked)) { display: none; }
body[data-present] .st-key-stage :is(.stButton, [data-testid="stExpander"]) { display: none; }
body[data-present] .st-key-asked h3 { font-size: 1.9rem; }
body[data-present] .st-key-answers { zoom: 1.3; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
body[data-present] [class*="st-key-answer-"] [data-testid="stText"] { font-size: 1.5rem; }
body[data-present] [data-testid="stMain"] { outline: none !important; box-shadow: none !important; }
/* Streamlit makes every text of its own visible: the words have to be hidden, not only their frame. */
body[data-present] :is([data-unrevealed], [data-unrevealed] *) { visibility: hidden !important; }
/* How one goes on and ends it: no menu of the page is left that would say so. */
.stElementContainer:has(.present-keys) { display: none; }
body[data-present] .stElementContainer:has(.present-keys) { display: block; position: fixed; right: 2rem; bottom: 1rem;
  width: auto; z-index: 10; }
.present-keys { display: flex; gap: .5rem; }
.present-keys button { font: inherit; font-size: .9rem; padding: .3rem .9rem; border: 1px solid #8a90a0;
  border-radius: .5rem; background: transparent; color: inherit; cursor: pointer; opacity: .8; }
/* Streamlit writes captions at 60 %, chosen options in the accent and chart text in a fixed grey: too faint to read. */
[data-testid="stCaptionContainer"] { opacity: .76; }
[data-testid="stButtonGroup"] button[data-selected="true"] { color: inherit !important; font-weight: 600; }
[data-testid="stSliderThumbValue"] { color: inherit !important; }
.js-plotly-plot :is(.xtick, .ytick, .g-xtitle, .g-ytitle, .textpoint, .annotation) text,
.js-plotly-plot :is(.legendtext, .bartext-outside) { fill: currentColor !important; fill-opacity: .82 !important; }
/* Names of cells lie on passages and borders: a rim in the colour of the page keeps them legible. */
:is(.st-key-map, .st-key-learn_map) .annotation-text {
  fill: currentColor !important; paint-order: stroke; stroke: Canvas; stroke-width: 3px; stroke-opacity: .8;
}
"""


def apply_style() -> None:
    """Adds the style sheet to the page."""
    rules = "\n".join(
        f".st-key-method-{name} {{ border-top: 4px solid {style.colour} !important; }}"
        f'.st-key-method-{name} :is(h3, h4) :is(span[role="img"], [data-testid="stIconMaterial"])'
        f" {{ color: {style.colour}; }}"
        for name, style in ((name, spec.style) for name, spec in METHODS.items())
    )
    st.html(f"<style>{_STYLE}{rules}{_uploader()}</style>")


def _uploader() -> str:
    """The words that Streamlit says on an uploader in English alone, in this session's language."""
    if language() == "en":
        return ""
    zone = '[data-testid="stFileUploaderDropzone"]'
    words = {
        f"{zone} button p": t("Upload"),
        f"{zone} > div span": t("{n} MB per file", n=st.get_option("server.maxUploadSize")),
    }
    rule = "{element} {{ font-size: 0 !important; }} {element}::after {{ content: '{text}'; font-size: .9rem; }}"
    return "".join(rule.format(element=element, text=text) for element, text in words.items())
