"""An error keeps its parts on the way from another process."""

import pickle

from core.errors import ArtefactStale
from core.messages import message


def test_an_error_arrives_with_its_remedy_and_its_values():
    error = ArtefactStale(message("{n} blocks are old.", n=3), "Build them.", ("blocks",))
    arrived = pickle.loads(pickle.dumps(error))
    assert isinstance(arrived, ArtefactStale)
    assert (arrived.what, arrived.remedy, arrived.kinds) == (error.what, error.remedy, error.kinds)
    assert arrived.what.values == {"n": 3} and str(arrived) == str(error)
