"""What the model read for an answer: the whole prompt, cached and new parts marked."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import labels, t, tn
from app.open_methods import resources_of
from app.views.compare.columns import headings
from app.views.shared.frame import guarded
from core.methods.comparison import Run
from core.methods.prompt_view import Segment, segments_read
from core.workspace import Workspace

_MEANINGS = {
    "cached": "from a stored KV cache: not computed now",
    "new": "prefilled now",
    "written": "prefilled now, and written by the model itself from Z",
    "soft": "soft tokens: vectors, no words",
}
_READ = "what_was_read"


def what_was_read(run: Run, ws: Workspace) -> None:
    """The prompt of one method, segment by segment."""
    if state.settings().engine_url:
        st.caption(
            t("A server read the prompt: it was sent the passages and the question, and its tokens are its own.")
        )
        return
    names = list(run.answers)
    chosen = st.segmented_control(
        t("Method"),
        names,
        default=names[0],
        required=True,
        format_func=labels(headings(names)),
        key="read_method",
        label_visibility="collapsed",
    )
    with guarded():
        segments = _segments(run, ws, str(chosen) if chosen in names else names[0])
        if not segments:
            st.caption(t("Nothing was read: the answer came from the answer cache."))
        for number, segment in enumerate(segments):
            _draw(segment, number)


def _segments(run: Run, ws: Workspace, name: str) -> list[Segment]:
    """Kept for the session: laying a prompt out again needs the model's tokenizer, and so the model."""
    kept: dict[tuple[str, str], list[Segment]] = st.session_state.setdefault(_READ, {})
    if (run.id, name) not in kept:
        models = state.models()
        with models.lock:
            kept[run.id, name] = segments_read(run.answers[name], resources_of(ws, run.choices).language_model())
    return kept[run.id, name]


def _draw(segment: Segment, number: int) -> None:
    count = tn(segment.tokens, "{n:,} token", "{n:,} tokens")
    with st.container(key=f"read-{segment.reading}-{number}", gap=None):
        st.caption(f"**{count}** {t(_MEANINGS[segment.reading])}")
        if segment.reading == "soft":
            st.text("▦ " * min(segment.tokens, 64))
        else:
            st.text(segment.text)
