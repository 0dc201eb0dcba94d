from app.figures.ledger import describe_ledger, ledger_figure
from core.cost import Account

ACCOUNTS = [Account("rag", "Standard RAG", 0.0, 1000.0), Account("cag", "KV-cache CAG", 50.0, 500.0)]


def test_a_line_and_a_mark_for_each_method():
    figure = ledger_figure(ACCOUNTS, 200)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert [line.name for line in lines] == ["Standard RAG", "KV-cache CAG"]
    assert [mark.y[0] for mark in marks] == [200.0, 150.0]
    assert len({mark.marker.symbol for mark in marks}) == 2
    assert list(lines[1].y) == sorted(lines[1].y)


def test_the_account_in_words_names_the_least():
    assert describe_ledger(ACCOUNTS, 10).endswith("Least: Standard RAG.")
    assert describe_ledger(ACCOUNTS, 1000).endswith("Least: KV-cache CAG.")
    assert "1,000 questions" in describe_ledger(ACCOUNTS, 1000)
    assert describe_ledger([], 5) == "Nothing to account for."
