import copy
import pickle

from core.errors import TesseraError
from core.messages import Message, joined, message


def test_it_is_the_filled_text_and_remembers_how():
    told = message("{n:,} passages of {name!r}", n=1204, name="x")
    assert told == "1,204 passages of 'x'"
    assert (told.pattern, dict(told.values)) == ("{n:,} passages of {name!r}", {"n": 1204, "name": "x"})


def test_without_values_braces_stand():
    assert message('{"a": 1}') == '{"a": 1}'


def test_it_survives_being_copied():
    told = message("{n} cells", n=3)
    for again in (copy.deepcopy(told), pickle.loads(pickle.dumps(told))):
        assert isinstance(again, Message)
        assert (again, again.pattern, again.values) == ("3 cells", "{n} cells", {"n": 3})


def test_an_error_tells_both_sentences():
    error = TesseraError(message("There is no {name}.", name="cell 7"), "Build it.")
    assert error.message == str(error) == "There is no cell 7. Build it."
    assert error.message.values["what"].pattern == "There is no {name}."
    assert TesseraError("It is over.").message == "It is over."


def test_parts_are_joined_and_keep_their_own_patterns():
    told = joined("; ", (message("{n} cells", n=2), "{raw} text"))
    assert told == "2 cells; {raw} text"
    assert told.values["part0"].pattern == "{n} cells"
    assert joined(" {} ", ("a", "b")) == "a {} b"
    assert joined("; ", ()) == ""
