"""A page of a PDF as a picture with places on it marked, drawn in a process of its own like all that reads files."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.corpus.readers.worker import FOLDER, MAX_MEMORY, limit_memory, limit_time
from core.corpus.types import Box
from core.errors import CorpusError
from core.messages import message

if TYPE_CHECKING:
    from PIL.Image import Image
    from pypdfium2 import PdfPage

_SECONDS = 30
_SCALE = 1.6
_MAX_PIXELS = 2_500_000
_QUALITY = 85
_MARK = (255, 233, 110)
_WHITE = (255, 255, 255)


def page_picture(content: bytes, boxes: Sequence[Box]) -> bytes:
    """The page on which the first of some boxes lies, as WebP, with those that lie on it marked.

    Pictures travel within HTML files, so even one of a large page full of photographs stays below 1 MB.

    Args:
        boxes: At least one.

    Raises:
        CorpusError: It cannot be drawn.
    """
    command = [sys.executable, "-m", __name__]
    environment = {**os.environ, "MALLOC_ARENA_MAX": "2", "PYTHONPATH": FOLDER}
    request = json.dumps(boxes).encode() + b"\n" + content
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, timeout=2 * _SECONDS, check=False, cwd=FOLDER, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise CorpusError(message("Page {n} takes too long to draw.", n=boxes[0].page), "Open the original.") from error
    if done.returncode:
        raise CorpusError(message("Page {n} cannot be drawn.", n=boxes[0].page), "Open the original.")
    return done.stdout


def _draw(page: PdfPage, boxes: Sequence[Box]) -> Image:
    """Marks are multiplied into the page, so that what is printed stays as dark as it is."""
    from PIL import Image, ImageChops, ImageDraw

    width, height = page.get_size()
    scale = min(_SCALE, (_MAX_PIXELS / max(1.0, width * height)) ** 0.5)
    picture = page.render(scale=scale).to_pil().convert("RGB")
    marks = Image.new("RGB", picture.size, _WHITE)
    drawing = ImageDraw.Draw(marks)
    for box in boxes:
        x0, y0 = _on(page, picture.size, box.left, box.bottom)
        x1, y1 = _on(page, picture.size, box.right, box.top)
        drawing.rectangle((min(x0, x1) - 1, min(y0, y1) - 1, max(x0, x1) + 1, max(y0, y1) + 1), fill=_MARK)
    return ImageChops.multiply(picture, marks)


def _on(page: PdfPage, size: tuple[int, int], x: float, y: float) -> tuple[int, int]:
    """The dot of a picture of a page at which a point of the page lies; PDFium knows how it is turned and cut."""
    import pypdfium2.raw as pdfium

    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, ctypes.byref(across), ctypes.byref(down))
    return across.value, down.value


def _main() -> None:
    import pypdfium2

    limit_memory(MAX_MEMORY)
    limit_time(_SECONDS)
    boxes = [Box(*values) for values in json.loads(sys.stdin.buffer.readline())]
    page = pypdfium2.PdfDocument(sys.stdin.buffer.read())[boxes[0].page - 1]
    _draw(page, [box for box in boxes if box.page == boxes[0].page]).save(sys.stdout.buffer, "WEBP", quality=_QUALITY)


if __name__ == "__main__":
    _main()
