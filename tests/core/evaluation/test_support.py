from core.evaluation.support import Support, find_support

ORCHID = "The fog orchid is rare. Its petals smell of cinnamon. Cinnamon is a spice."
TEA = "Fog tea smells of smoke."


def quoted(support, texts):
    return texts[support.text_index][support.start : support.end]


def test_the_sentence_nearest_to_the_question_among_those_that_hold_the_answer():
    texts = (TEA, ORCHID)
    support = find_support("cinnamon", "What do the petals smell of?", texts)
    assert quoted(support, texts) == "Its petals smell of cinnamon."


def test_case_articles_and_punctuation_do_not_matter():
    assert find_support("The Smoke!", "What?", (TEA,)) == Support(0, 0, len(TEA))


def test_part_of_a_word_is_no_support():
    assert find_support("cinna", "What do the petals smell of?", (ORCHID,)) is None


def test_the_better_ranked_passage_wins_among_equals():
    assert find_support("smoke", "What?", (TEA, TEA)).text_index == 0


def test_nothing_said_and_nothing_read_rest_on_nothing():
    assert find_support("...", "What?", (ORCHID,)) is None
    assert find_support("smoke", "What?", ()) is None
