from core.cost import Account, break_even, cheapest


def test_pays_off_after_the_build_is_earned_back():
    account = break_even(build_s=10.0, baseline_ms=1000.0, method_ms=700.0)
    assert account.saving_ms == 300.0
    assert account.questions == 34


def test_never_is_an_answer():
    assert break_even(10.0, 500.0, 500.0).questions is None
    assert break_even(10.0, 500.0, 900.0).questions is None


def test_without_a_build_a_faster_method_pays_at_once():
    assert break_even(0.0, 500.0, 100.0).questions == 0
    assert break_even(0.0, 100.0, 500.0).questions is None


def test_an_account_adds_building_and_asking():
    account = Account("cag", "KV-cache CAG", 50.0, 500.0)
    assert account.total_s(0) == 50.0
    assert account.total_s(100) == 100.0


def test_the_cheapest_changes_with_the_number_of_questions():
    slow, built = Account("rag", "RAG", 0.0, 1000.0), Account("cag", "CAG", 50.0, 500.0)
    assert cheapest([slow, built], 99) is slow
    assert cheapest([slow, built], 100) is slow  # equal: the first
    assert cheapest([slow, built], 101) is built
