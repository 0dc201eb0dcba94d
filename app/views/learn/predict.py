"""Predictions in the tour: a guess before the exhibit, and the recorded result after it."""

from __future__ import annotations

import streamlit as st

from app.i18n import t
from app.learn.base import Prediction
from app.views.shared.text import escape

_GUESSES = "learn_guesses"
_SKIPPED = -1


def guesses() -> dict[str, int]:
    """This session's guesses by step; -1 where one only looked."""
    by_step: dict[str, int] = st.session_state.setdefault(_GUESSES, {})
    return by_step


def guess(name: str, prediction: Prediction) -> bool:
    """Asks for a guess, or says how it was.

    Returns:
        Whether the exhibit may be seen.
    """
    with st.container(border=True, key="learn-predict"):
        st.markdown(f":material/psychology_alt: **{t('Predict')}** · {escape(prediction.question)}")
        if name not in guesses():
            with st.container(horizontal=True):
                for number, option in enumerate(prediction.options):
                    st.button(escape(option), key=f"guess-{name}-{number}", on_click=_take, args=(name, number))
                st.button(
                    t("Just show me"), key=f"guess-{name}-skip", type="tertiary", on_click=_take, args=(name, _SKIPPED)
                )
            return False
        chosen = guesses()[name]
        right = escape(prediction.options[prediction.right])
        if chosen == _SKIPPED:
            verdict = f":material/lightbulb: **{right}**"
        elif chosen == prediction.right:
            verdict = f":green[:material/check_circle:] **{right}** · {t('Right.')}"
        else:
            verdict = f":orange[:material/cancel:] ~~{escape(prediction.options[chosen])}~~ → **{right}**"
        st.markdown(f"{verdict}  \n{escape(prediction.why)}")
    return True


def _take(name: str, number: int) -> None:
    guesses()[name] = number
