"""How a page waits for the models: it shows how many are ahead; a tab that is closed meanwhile leaves the queue.

``with models.lock`` waits like this in every page that this process serves; jobs and the command line, which have no
page to write on, wait silently.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.i18n import tn
from core.fair_lock import Ticket


def attend(ticket: Ticket) -> None:
    """Waits for the lock, with a notice on the page.

    Writing to the page is where Streamlit ends a script whose tab is closed or that is run again.
    """
    if get_script_run_ctx(suppress_warning=True) is None:
        ticket.wait()
        return
    notice = None
    for ahead in ticket.waits():
        notice = notice or st.empty()
        notice.caption(f":material/hourglass_top: {queue_line(ahead)}")
    if notice:
        notice.empty()


def queue_line(ahead: int) -> str:
    """A sentence that says how many sessions are ahead of this one."""
    return tn(ahead, "waits for the model: {n} before you", "waits for the model: {n:,} before you")
