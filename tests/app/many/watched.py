"""``streamlit run`` in a process that writes down every address beyond this machine it turns to.

python -m tests.app.many.watched FILE run tests/app/many/tiny_main.py
"""

import sys
from pathlib import Path

OWN = ("127.", "::1", "localhost", "/")
"""Beginnings of addresses of this machine; the last is a socket in the file system."""


def watch(log: Path) -> None:
    def seen(event: str, arguments: tuple) -> None:
        if event in ("socket.connect", "socket.sendto"):
            address = arguments[1]
            host = str(address[0] if isinstance(address, tuple) else address)
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            host = str(arguments[0])
        else:
            return
        if not host.startswith(OWN):
            with log.open("a") as lines:
                lines.write(f"{event} {host}\n")

    log.touch()
    sys.addaudithook(seen)


if __name__ == "__main__":
    watch(Path(sys.argv.pop(1)))
    from streamlit.web.cli import main

    main(prog_name="streamlit")
