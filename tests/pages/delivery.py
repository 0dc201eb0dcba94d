"""What Streamlit's server and browser do to the parts of a page on their way, without either.

The server holds parts back and sends them in bundles; while one waits, a newer part of the same path takes its place in
the line. The browser refuses a part whose path does not exist yet, and the whole page with it. When the bundles are
sent is chance: a page has to arrive however they are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue


@contextmanager
def recorded() -> Iterator[list[ForwardMsg]]:
    """Collects the parts of pages in the order in which scripts have drawn them."""
    parts: list[ForwardMsg] = []

    def keep(message: ForwardMsg) -> None:
        if message.HasField("delta"):
            parts.append(ForwardMsg.FromString(message.SerializeToString()))

    ForwardMsgQueue.on_before_enqueue_msg(keep)
    try:
        yield parts
    finally:
        ForwardMsgQueue.on_before_enqueue_msg(None)


def deliver(parts: Sequence[ForwardMsg], cuts: Sequence[int]) -> None:
    """Sends parts in bundles that end before those places in the line.

    Raises:
        LookupError: The browser refuses a part.
    """
    main, sidebar, events, bottom = Block(), Block(), Block(), Block()
    queue, page = ForwardMsgQueue(), Block(children=[main, sidebar, events, bottom])
    for place, part in enumerate(parts):
        if place in cuts:
            _send(queue, page)
        queue.enqueue(ForwardMsg.FromString(part.SerializeToString()))
    _send(queue, page)


@dataclass
class Block:
    """A part of a page that holds others; None stands for one that cannot."""

    kind: str = ""
    children: list[Block | None] = field(default_factory=list)


def _send(queue: ForwardMsgQueue, page: Block) -> None:
    for part in queue.flush():
        _put(page, list(part.metadata.delta_path), part)


def _put(block: Block, path: list[int], part: ForwardMsg) -> None:
    *parents, last = path
    for index in parents:
        block = _child(block, index)
    if last > len(block.children):
        raise LookupError(f"{path}: only {len(block.children)} are there")
    new = None
    if part.delta.WhichOneof("type") == "add_block":
        new = Block(part.delta.add_block.WhichOneof("type") or "")
        there = block.children[last] if last < len(block.children) else None
        if there and there.kind == new.kind:  # a block keeps what it holds when one of its kind is drawn over it
            new.children = there.children
    block.children[last : last + 1] = [new]


def _child(block: Block, index: int) -> Block:
    child = block.children[index] if index < len(block.children) else None
    if child is None:
        raise LookupError(f"nothing that holds others at {index}")
    return child
