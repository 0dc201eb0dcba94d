"""What the model read for an answer: the whole prompt, cached and new parts marked."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import labels, t, tn
from app.open_methods import resources_of
from app.views.compare.columns import headings
from app.views.shared.frame import guarded
from core.methods.base import Answer
from core.methods.comparison import Run
from core.methods.prompt_view import Segment, segments_read, text_sent
from core.workspace import Workspace

_MEANINGS = {
    "cached": "from a stored KV cache: not computed now",
    "new": "prefilled now",
    "written": "prefilled now, and written by the model itself from Z",
    "soft": "soft tokens: vectors, no words",
}
_NAMED = "soft tokens: vectors of z, and the words that they name"
_READ = "what_was_read"


def what_was_read(run: Run, ws: Workspace) -> None:
    """The prompt of one method, segment by segment."""
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
    name = str(chosen) if chosen in names else names[0]
    if not run.answers[name].trace.prompt_tokens:
        st.caption(t("Nothing was read: the answer came from the answer cache."))
    elif run.served:
        _draw_sent(run.answers[name])
    else:
        with guarded():
            for number, segment in enumerate(_segments(run, ws, name)):
                _draw(segment, number)


def _segments(run: Run, ws: Workspace, name: str) -> list[Segment]:
    """Kept for the session: laying a prompt out again needs the model's tokenizer, and so the model."""
    segments: dict[tuple[str, str], list[Segment]] = st.session_state.setdefault(_READ, {})
    if (run.id, name) not in segments:
        models = state.models()
        with models.lock:
            segments[run.id, name] = segments_read(run.answers[name], resources_of(ws, run.choices).language_model())
    return segments[run.id, name]


def _draw_sent(answer: Answer) -> None:
    """What went to the server, and how much of it the server counted as new: it alone knows which words these were."""
    new, reused = answer.trace.prompt_tokens, answer.trace.cached_tokens
    count = t("{new:,} prefilled, {reused:,} reused", new=new, reused=reused or 0)
    if reused is None:
        count = t("{new:,} prefilled, reused: not reported", new=new)
    quoted, note = answer.details.get("quoted"), ""
    if quoted is not None:
        note = t("It was sent the words that z spells.") if quoted else t("The model here wrote the evidence from Z.")
    with st.container(key="read-new-server", gap=None):
        st.caption(f"**{t('Tokens, as the server counts')}:** {count}. {note}")
        st.text(text_sent(answer))


def _draw(segment: Segment, number: int) -> None:
    count = tn(segment.tokens, "{n:,} token", "{n:,} tokens")
    with st.container(key=f"read-{segment.reading}-{number}", gap=None):
        soft = segment.reading == "soft"
        st.caption(f"**{count}** {t(_NAMED if soft and segment.text else _MEANINGS[segment.reading])}")
        st.text("▦ " * min(segment.tokens, 64) if soft and not segment.text else segment.text)
