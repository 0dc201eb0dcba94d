"""A browser tab without a browser: speaks the server's own protocol over a websocket and keeps what the page shows."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PATIENCE_S = 600


@dataclass
class _Shown:
    """What a page shows: elements by their place in it, and those drawn since the script began anew."""

    elements: dict[tuple[int, ...], object] = field(default_factory=dict)
    drawn: set[tuple[int, ...]] = field(default_factory=set)

    def draw(self, path, element):
        """An element, or None for a block, which takes the place of all that stood there."""
        if element is None:
            for old in [old for old in self.elements if old[: len(path)] == path and old not in self.drawn]:
                del self.elements[old]
            return
        self.elements[path] = element
        self.drawn.add(path)

    def settle(self):
        self.elements = {path: element for path, element in self.elements.items() if path in self.drawn}


class Tab:
    """One open page.

    Args:
        port: Of the server on this machine.
        page: Name of a page; empty for the first.
        query: What stands behind the question mark of the address.
    """

    def __init__(self, port: int, page: str = "", query: str = "") -> None:
        self._page, self._query = page, query
        self._shown = _Shown()
        self._changed = threading.Condition()
        self._running = True
        self._hash = ""
        self.session = ""
        self._said_before: list[str] = []
        self._due: dict[str, float] = {}
        self._every: dict[str, float] = {}
        self._socket = connect(
            f"ws://127.0.0.1:{port}/_stcore/stream",
            origin=f"http://127.0.0.1:{port}",
            subprotocols=["streamlit"],
            max_size=None,
            open_timeout=PATIENCE_S,
            ping_interval=None,  # a machine that is busy with twenty people may be late to say that it is there
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.rerun()

    def close(self) -> None:
        """The tab is gone, whatever the page was doing."""
        self._socket.close()
        self._reader.join(PATIENCE_S)

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def rerun(self, *widgets: WidgetState, fragment: str = "") -> None:
        """Runs the page's script with what was typed and pressed; or a part of it that runs by itself."""
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self._query
        if self._hash:
            state.page_script_hash = self._hash
        else:
            state.page_name = self._page
        state.widget_states.widgets.extend(widgets)
        state.fragment_id, state.is_auto_rerun = fragment, bool(fragment)
        with self._changed:
            self._running = True
        self._socket.send(message.SerializeToString())

    def type_into(self, key: str, text: str) -> WidgetState:
        return WidgetState(id=self.find("text_input", key).id, string_value=text)

    def press(self, key: str) -> WidgetState:
        return WidgetState(id=self.find("button", key).id, trigger_value=True)

    def has(self, kind: str, key: str) -> bool:
        """Whether a widget is on the page."""
        return any(widget.id.endswith(key) for widget in self._all(kind))

    def find(self, kind: str, key: str):
        """The widget of a key; waits while the page draws itself anew, as it does when somebody's job ends."""
        found: list = []

        def there(tab: Tab) -> bool:
            found[:] = [widget for widget in tab._all(kind) if widget.id.endswith(key)]
            return bool(found)

        self.until(there, f"{key} is on the page")
        return found[0]

    def texts(self) -> list[str]:
        """What documents and models wrote."""
        return [text.body for text in self._all("text")]

    def said(self) -> str:
        """All other words of the page, as a reader sees them: what keeps Markdown from acting is taken off."""
        with self._changed:
            shown = list(self._shown.elements.values())
        kinds = {"markdown": "body", "alert": "body", "heading": "body", "progress": "text", "exception": "message"}
        return "\n".join(
            getattr(getattr(element, kind), kinds[kind])
            for element in shown
            if (kind := element.WhichOneof("type")) in kinds
        ).replace("\\", "")

    def everything_said(self) -> list[str]:
        """Every paragraph and notice since the tab was opened, also what has been overwritten."""
        with self._changed:
            return list(self._said_before)

    def until(self, holds, what: str = "it holds") -> None:
        """Waits until something is true of the page."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds(self):
            with self._changed:
                self._changed.wait(0.5)
            assert self._reader.is_alive(), f"the server has closed the connection: {what}"
            self._poll()
            assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}\n{self.said()}"

    def settled(self) -> Tab:
        """Waits until the script has run to its end."""
        self.until(lambda tab: not tab._running, "the script has ended")
        return self

    def ask(self, question: str) -> None:
        """Types a question on the Compare page and presses Ask."""
        self.settled()
        self.rerun(self.type_into("ask_question", question), self.press("FormSubmitter:ask-Ask"))

    def answered(self, times: int) -> Tab:
        """Waits until so many methods have answered."""
        self.until(lambda tab: tab.lines("first token **") == times, f"{times} answers")
        return self.settled()

    def lines(self, beginning: str) -> int:
        """How many texts of the page begin so."""
        return sum(markdown.body.startswith(beginning) for markdown in self._all("markdown"))

    def _poll(self) -> None:
        """Runs a part of the page that asked to be run now and then, as a browser does."""
        now = time.monotonic()
        with self._changed:
            due = [] if self._running else [part for part, at in self._due.items() if at <= now]
            part = min(due, key=self._due.__getitem__, default="")
            if part:
                self._due[part] = now + self._every[part]
        if part:
            self.rerun(fragment=part)

    def _all(self, kind: str) -> list:
        with self._changed:
            return [getattr(e, kind) for e in self._shown.elements.values() if e.WhichOneof("type") == kind]

    def _read(self) -> None:
        try:
            for raw in self._socket:
                message = ForwardMsg.FromString(raw)
                with self._changed:
                    self._take(message)
                    self._changed.notify_all()
        except ConnectionClosed:
            return

    def _take(self, message: ForwardMsg) -> None:
        kind, of_a_part = message.WhichOneof("type"), bool(message.metadata.run.fragment_ids)
        if kind == "new_session":
            self._begin(message.new_session, of_a_part)
        elif kind == "navigation":
            self._hash = message.navigation.page_script_hash
        elif kind == "auto_rerun":
            part, every = message.auto_rerun.fragment_id, message.auto_rerun.interval
            self._every[part], self._due[part] = every, time.monotonic() + every
        elif kind == "stop_auto_rerun":
            for part in message.stop_auto_rerun.fragment_ids:
                self._due.pop(part, None)
        elif kind == "delta":
            self._draw(tuple(message.metadata.delta_path), message.delta)
        elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            if not of_a_part:
                self._shown.settle()
            self._running = False

    def _begin(self, new_session, of_a_part: bool) -> None:
        self._shown.drawn = set()
        self.session = new_session.initialize.session_id
        self._hash = new_session.page_script_hash
        self._running = True
        if not of_a_part:
            self._due = {}

    def _draw(self, path: tuple[int, ...], delta) -> None:
        kind = delta.WhichOneof("type")
        if kind == "add_block":
            self._shown.draw(path, None)
        elif kind == "new_element":
            self._shown.draw(path, delta.new_element)
            if (said := delta.new_element.WhichOneof("type")) in ("markdown", "alert"):
                self._said_before.append(getattr(delta.new_element, said).body.replace("\\", ""))
