"""People who come and go leave nothing in memory. Real server, real sessions, the tiny models."""

from itertools import cycle

from tests.app.many.footprint import measure

SETTLED, PEOPLE = 4, 12
QUESTIONS = ("Who built the lighthouse of Velm?", "Who drew the library maps?", "What paper are the books made of?")


def test_after_the_first_people_the_server_does_not_grow(served):
    looks = list(measure(served.port, served.process, PEOPLE, cycle(QUESTIONS), 1, ("rag", "cag")))
    served.until(lambda vitals: vitals["sessions"] == 0, "all sessions are gone")
    assert looks[SETTLED].resident > 1e8  # it is the server that was looked at
    assert looks[-1].resident < 1.05 * looks[SETTLED].resident
    assert looks[-1].threads <= looks[SETTLED].threads + 1
    assert looks[-1].open_files <= looks[SETTLED].open_files + 1
