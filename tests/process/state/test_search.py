"""Searching by words: every whole word is found, exact words go first, excerpts are exact."""

from hypothesis import given, strategies as st

from llmos_nb.process.state import excerpt
from llmos_nb.process.state.search import Index, words_of


def index(*texts):
    made = Index()
    for text in texts:
        made.add(text)
    return made


def best(made, query):
    found = made.find(query)
    return max(found, key=found.get) if found else None


@given(st.lists(st.text(max_size=60), max_size=20), st.data())
def test_every_text_is_found_by_each_of_its_words(texts, data):
    made = index(*texts)
    for i, text in enumerate(texts):
        for word in words_of(text):
            assert i in made.find(word)


def test_exact_words_go_before_many_common_ones():
    texts = ["a row of ten", "ten of a row a row ten", "of a row"]
    assert best(index(*texts), "a row of") == 0 and best(index(*texts), "TEN OF A ROW") == 1


def test_a_rare_word_counts_more_than_a_common_one():
    assert best(index("row seal", "row fish", "row fish", "fish"), "row seal") == 0


def test_substring_matches_only_where_no_word_does():
    assert best(index("abc", "xneedley"), "needle") == 1 and index("abc").find("zz") == {}
    assert index("abc").find("") == {} and index("a (b").find("(") == {0: 1e6}


@given(st.text(max_size=300), st.text(max_size=10), st.integers(12, 80))
def test_an_excerpt_is_exact(text, query, size):
    found = excerpt(text, query, size)
    assert found.removeprefix("…").removesuffix("…") in text or found in text
    assert len(found) <= size + 2


@given(st.text("ab \n", max_size=200), st.text("ab \n", max_size=200))
def test_an_excerpt_shows_the_hit(before, after):
    assert "NEEDLE" in excerpt(before + "NEEDLE" + after, "needle", 40)
