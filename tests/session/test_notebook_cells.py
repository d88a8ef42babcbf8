"""A process reads the notebook's own cells: found by what they say or showed, or one of them whole."""

import pytest
from notebook_driver import Notebook
from turns import call


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    with Notebook(tmp_path_factory.mktemp("cells")) as found:
        found.run("rate = 0.19  # agreed with Ann")
        found.run("print('the margin is', 7 * 6)")
        found.run("1 / 0")
        yield found


def looked(book, **arguments):
    """Return what `cells` gave."""
    spec = book.script(call("cells", **arguments), {"text": "Done."})
    book.run(f"%%agent -m {spec} -a auto --plan none\nLook.")
    text = "get_ipython().magics_manager.registry['AgentMagics'].session.last().run.state.calls['r1.0'].result"
    return book.value(text)


def test_cells_are_found_by_source_and_output(book):
    assert "# agreed with Ann" in looked(book, query="ann") and "margin is 42" in looked(book, query="is 42")
    assert "no cell holds 'nowhere'" in looked(book, query="nowhere")


def test_the_one_cell_that_fits_is_given_whole(book):
    book.run("tax = 0.07  # of Bergen\nprint(tax * 100)")
    found = looked(book, query="bergen")
    assert "print(tax * 100)" in found and "it showed:\\n7.0" in found
    book.run("x = 1  # of Narvik\ny = 2")
    book.run("z = 3  # of Narvik")
    found = looked(book, query="narvik")
    assert "x = 1" in found and "z = 3" in found and "y = 2" not in found and "it showed" not in found


def test_cells_of_the_users_own_label_nothing_however_long_they_are(book):
    book.run("print('of the user ' * 20)  # of Hammerfest")
    assert "of the user of the user" in looked(book, query="hammerfest")
    state = "get_ipython().magics_manager.registry['AgentMagics'].session.last().run.state"
    assert book.value(f"{state}.labels") == "{}"


def test_a_list_of_cells_says_what_each_does_and_how_long_it_is(book):
    book.run("%precision 3\nimport math\n\nclass Purse:\n    coins = math.pi")
    listed = looked(book)
    assert "class Purse:  … of 4 lines" in listed and "precision" not in listed and "rate = 0.19" in listed


def test_one_cell_is_given_whole_with_its_output_and_error(book):
    found = looked(book, query="margin")
    number = int(found.partition("[")[2].partition("]")[0])
    whole = looked(book, number=number)
    assert "print('the margin is', 7 * 6)" in whole and "it showed:\\nthe margin is 42" in whole
    assert "it ended with ZeroDivisionError" in looked(book, number=number + 1)
    assert "there is no cell [99]" in looked(book, number=99)


def test_what_a_cell_showed_of_private_data_is_left_out(book):
    book.run("pay = [98765]")
    book.run("print(pay)")
    assert "98765" in looked(book, query="[98765]")
    book.run("%agent private pay")
    assert "no cell holds" in looked(book, query="[98765]]") and "(not shown: it names pay)" in looked(
        book, query="not shown"
    )
