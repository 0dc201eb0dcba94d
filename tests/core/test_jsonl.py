import pytest

from core import jsonl


def test_what_was_appended_is_read_in_order(tmp_path):
    path = tmp_path / "log.jsonl"
    assert list(jsonl.read(path)) == []
    rows = [{"n": 1}, {"n": 2, "text": "a \u2028 \n \ud800 도서관"}]
    for row in rows:
        jsonl.append(path, row, sync=True)
    assert list(jsonl.read(path, ("n",))) == rows


def test_a_line_cut_short_by_a_kill_costs_only_itself(tmp_path):
    path = tmp_path / "log.jsonl"
    jsonl.append(path, {"n": 1})
    with path.open("ab") as log:
        log.write('{"text": "도'.encode()[:-1])
    assert list(jsonl.read(path)) == [{"n": 1}]
    jsonl.append(path, {"n": 2})
    assert list(jsonl.read(path)) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("line", ["[1]", "3", '{"other": 1}', '{"n": 1, "crc": "00000000"}'])
def test_a_line_that_is_something_else_costs_only_itself_and_is_counted(tmp_path, line):
    path = tmp_path / "log.jsonl"
    path.write_text(f'{{"n": 1}}\n{line}\n{{"n": 2}}\n', encoding="utf-8")
    assert list(jsonl.read(path, ("n",))) == [{"n": 1}, {"n": 2}]
    assert jsonl.damaged(path, ("n",)) == 1


def test_any_flipped_bit_costs_one_line(tmp_path):
    path = tmp_path / "log.jsonl"
    rows = [{"n": 1, "text": "one"}, {"n": 2, "text": "도서관"}]
    for row in rows:
        jsonl.append(path, row)
    content = path.read_bytes()
    for at in range(content.index(b'"crc"')):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        assert rows[1] in list(jsonl.read(path)) and rows[0] not in [*jsonl.read(path)], at
        assert jsonl.damaged(path) >= 1
