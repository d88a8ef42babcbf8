"""Single keys answer what a process asks."""

import pytest
from fixtures_journals import doubt as in_doubt, edited, proposed, question, tool, waiting

from llmos_nb.app.present.text import prompt_keys
from llmos_nb.errors import UsageError


class Typist:
    """A process whose verbs write its journal, and a keyboard that types given lines."""

    def __init__(self, w, *lines):
        self.run, self.w, self.lines, self.prompts, self.did = w, w, list(lines), [], []

    def read(self, prompt):
        self.prompts.append(prompt)
        if not self.lines:
            raise EOFError
        return self.lines.pop(0)

    def decide(self, key, what, **more):
        self.did.append((what, key, *more.values()))
        if str(key).startswith("plan"):
            self.w.add("plan.decided", version=1, what=what, envelope={}, by="you", why=more.get("why", ""))
        else:
            self.w.add("call.decided", call=key, digest="", what=what, by="you", why=more.get("why", ""))

    def approve(self, what="all", *, digest=""):
        self.decide(what, "approve", digest=digest)

    def reject(self, what="all", why=""):
        self.decide(what, "reject", why=why)

    def skip(self, what):
        self.decide(what, "skip")

    def edit(self, what, new=None):
        self.did.append(("edit", what, new))
        if what == "nonsense":
            raise UsageError("step 'nonsense': no such step")
        if isinstance(what, str):
            self.w.add("call.decided", call=what, digest="", what="edit", by="you", why="", arguments={"code": new})

    def reply(self, words, question=""):
        self.did.append(("reply", words, question))
        self.w.add("question.answered", question=question, text=words, by="you")

    def resolve(self, call, done):
        self.did.append(("resolve", call, done))
        self.w.add("call.resolved", call=call, done=done, by="you")

    def approve_rest(self, call, digest):
        self.did.append(("approve_rest", call, digest))


def keys(w, *lines):
    typist = Typist(w, *lines)
    prompt_keys(typist, next(iter(w.state.questions)), typist.read)
    return typist


@pytest.mark.parametrize(
    ("make", "lines", "did"),
    [
        (waiting, ["a"], [("approve", "r4.0", "9f3ce1aa")]),
        (waiting, ["A"], [("approve_rest", "r4.0", "9f3ce1aa")]),
        (waiting, ["r", "no files"], [("reject", "r4.0", "no files")]),
        (waiting, ["s"], [("skip", "r4.0")]),
        (waiting, ["e", "x = 1", "y", "."], [("edit", "r4.0", "x = 1\ny")]),
        (edited, ["a"], [("approve", "r4.0", "41d07b00")]),
        (proposed, ["a"], [("approve", "plan", "")]),
        (proposed, ["r", "too long"], [("reject", "plan", "too long")]),
        (
            proposed,
            ["e", "2", "Means by island", "a"],
            [("edit", 2, "Means by island"), ("approve", "plan", "")],
        ),
        (question, ["", "2009"], [("reply", "2009", "r4.0")]),
        (in_doubt, ["d"], [("resolve", "r4.0", True)]),
        (in_doubt, ["g"], [("resolve", "r4.0", False)]),
    ],
)
def test_each_key_does_its_verb(make, lines, did):
    assert keys(make(), *lines).did == did


def test_only_applicable_keys_are_offered():
    typist = keys(tool(), "A", "?", "s")
    assert "[A]" not in typist.prompts[0] and "[e]" not in typist.prompts[0]
    assert "'A' is none of a, r, s, ?" in typist.prompts[1] and "Ctrl-C leaves r4.0 open" in typist.prompts[2]
    assert typist.did == [("skip", "r4.0")]


def test_unknown_step_is_reported_and_asked_again():
    typist = keys(proposed(), "e", "nonsense", "title", "a")
    assert "no such step" in typist.prompts[3] and typist.did[-1][0] == "approve"


def test_the_end_of_input_leaves_the_question_open():
    w = waiting()
    assert keys(w).did == [] and "r4.0" in w.state.questions


def test_an_answer_given_elsewhere_counts_and_the_key_does_not():
    w = waiting()
    typist = Typist(w, "r")

    def read(prompt):
        w.allow("r4.0", by="you")
        return typist.read(prompt)

    prompt_keys(typist, "r4.0", read)
    assert typist.did == []


def test_what_goes_where_others_chose_is_approved_by_typing_where_and_by_no_key_alone():
    found = {"argument": "to", "value": "a@b.example", "call": "r2.0", "source": "mail.csv"}
    asked = waiting(foreign=[found])
    assert keys(asked, "a", "another.example", "a", "", "r", "no").did == [("reject", "r4.0", "no")]
    assert keys(waiting(foreign=[found]), "A", "a", "b.example").did == [("approve", "r4.0", "9f3ce1aa")]
