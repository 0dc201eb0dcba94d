from core.evaluation.feedback import Feedback, rank


def judged(method, up, down):
    return [
        Feedback(f"q{number}", method, "a", 1 if number < up else -1, asked=str(number)) for number in range(up + down)
    ]


def test_one_lucky_vote_does_not_lead():
    ranks = rank([*judged("lucky", 1, 0), *judged("steady", 18, 2), *judged("poor", 1, 9)])
    assert [(entry.method, entry.up, entry.n) for entry in ranks] == [
        ("steady", 18, 20),
        ("lucky", 1, 1),
        ("poor", 1, 10),
    ]
    assert all(entry.lower <= entry.up / entry.n <= entry.upper for entry in ranks)


def test_nobody_has_judged():
    assert rank([]) == []
