"""`llmos eval`: tasks over models and settings, judged by what the data says; what has ended is not run again."""

import json

import pytest

from llmos_nb.app import scores
from llmos_nb.app.cli import main
from llmos_nb.errors import UsageError
from llmos_nb.session.evals import Grid, Scored, evaluate, read_tasks, summed, wilson
from llmos_nb.session.evals.tasks import says

TASKS = {
    "total": 'goal = "What is the sum of a?"\ndata = ["t.csv"]\n[check]\ntruth = "int(t.a.sum())"\n',
    "top": 'goal = "Which name has the most?"\ndata = ["t.csv"]\n[check]\n'
    'truth = "t.name[t.a.idxmax()]"\nunlike = ["ann"]\n',
}


@pytest.fixture
def folder(tmp_path):
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "t.csv").write_text("name,a\nann,3\nbob,4\n")
    for name, text in TASKS.items():
        (tasks / f"{name}.toml").write_text(text)
    return tasks


def model(tmp_path, name, *texts):
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps({"version": 1, "turns": [{"text": t} for t in texts]}))
    return f"script:{path}"


def test_runs_are_right_by_the_data_and_sum_up_by_model(folder, tmp_path):
    good, bad = (
        model(tmp_path, "good", "It is 7; bob has the most."),
        model(tmp_path, "bad", "It is 8, ann and bob."),
    )
    plan = Grid(read_tasks(folder), (good, bad), epochs=2)
    scored = evaluate(plan, tmp_path / "out.jsonl")
    assert [(s.task, s.right) for s in scored if s.model == good] == [("top", True), ("total", True)] * 2
    assert not any(s.right for s in scored if s.model == bad) and all(s.finished for s in scored)
    best, worst = summed(scored)
    assert (best.share, best.tasks, best.runs, best.dollars) == (1.0, 2, 4, 0.0) and worst.share == 0.0
    assert (best.low, best.high) == wilson(1.0, 2) != (1.0, 1.0)


def test_what_has_ended_is_not_run_again_and_is_judged_anew(folder, tmp_path):
    tasks, out = read_tasks(folder), tmp_path / "out.jsonl"
    plan = Grid(tasks, (model(tmp_path, "m", "It is 7."),))
    first = evaluate(plan, out)
    model(tmp_path, "m", "It is something else.")
    again = evaluate(Grid(tasks, plan.models, epochs=2), out)
    assert [s.journal for s in again[:2]] == [s.journal for s in first] and again[1].right and not again[3].right
    (folder / "total.toml").write_text(TASKS["total"].replace("int(t.a.sum())", "8"))
    changed = evaluate(Grid(read_tasks(folder), plan.models), out)
    assert changed[1].journal == first[1].journal and not changed[1].right


def test_what_did_not_finish_counts_neither_way(folder, tmp_path):
    scored = evaluate(Grid(read_tasks(folder), ("nobody/knows",)), tmp_path / "out.jsonl")
    (summary,) = summed(scored)
    assert (summary.runs, summary.unfinished, summary.tasks) == (0, 2, 0) and (summary.low, summary.high) == (
        0.0,
        1.0,
    )
    report = scores.report(scored)
    assert "counted neither way: top nobody/knows #1 (failed)" in report and "100%" not in report.splitlines()[2]


def test_settings_are_compared_and_checked(folder, tmp_path):
    m = model(tmp_path, "m", "It is 7.")
    scored = evaluate(Grid(read_tasks(folder, "total"), (m,), ("", "plan=none; budget=5 steps")), tmp_path / "o.jsonl")
    assert [s.setting for s in summed(scored)] == ["", "plan=none; budget=5 steps"]
    for wrong in ("plan", "modle=x"):
        with pytest.raises(UsageError, match="write KEY=VALUE, with one of approve, budget, plan"):
            Grid(read_tasks(folder), (m,), (wrong,)).specs()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('goal = ""\n', "goal must be a text"),
        ('goal = "x"\ndata = ["none.csv"]\n[check]\ntruth = "1"\n', "there is no none.csv beside it"),
        ('goal = "x"\n', "check needs truth"),
        ('goal = "x"\n[check]\ntruth = "1"\npython = "f"\n', "check needs truth"),
        ('goal = "x"\nanswer = "y"\n', "answer"),
    ],
)
def test_wrong_tasks_are_named_by_file_and_key(folder, text, said):
    (folder / "wrong.toml").write_text(text)
    with pytest.raises(UsageError, match=rf"wrong\.toml.*{said}"):
        read_tasks(folder)


def test_check_of_python_gets_answer_and_tables_and_its_fault_is_named(folder, tmp_path):
    (folder / "total.toml").write_text(TASKS["total"].replace('truth = "int(t.a.sum())"', 'python = "right"'))
    (folder / "total.py").write_text("def right(answer, t):\n    return str(t.a.sum()) in answer\n")
    (task,) = read_tasks(folder, "total")
    assert task.right("7") and not task.right("8")
    (folder / "total.py").write_text("def right(answer, t):\n    return 1 / 0\n")
    with pytest.raises(UsageError, match=r"total\.toml: its check fails \(ZeroDivisionError"):
        task.right("7")


@pytest.mark.parametrize(
    ("answer", "value", "within", "holds"),
    [
        ("r = −0.24", -0.235, 0, True), ("r = 0.24", -0.235, 0, False), ("5,076 g", 5076.02, 0, True),
        ("5100 g", 5076.02, 0.001, False), ("on 2015-06-07", "2015/06/07", 0, True), ("gentoos", "Gentoo", 0, False),
        ("21.4 %", 21.42, 0, True), ("no figure", 0, 0, False),
    ],
)  # fmt: skip
def test_a_value_stands_in_an_answer_as_far_as_it_is_written_out(answer, value, within, holds):
    assert says(answer, value, within) is holds


@pytest.mark.parametrize(
    ("share", "n", "low", "high"), [(0.5, 10, 0.2366, 0.7634), (1.0, 10, 0.7225, 1.0), (0.0, 10, 0.0, 0.2775)]
)
def test_interval_is_wilsons(share, n, low, high):
    assert wilson(share, n) == pytest.approx((low, high), abs=1e-4)


def test_repeats_of_a_task_make_the_interval_no_narrower():
    once = [Scored(f"t{i}", "m", "", 1, True, i < 5, "answered") for i in range(10)]
    often = [Scored(s.task, "m", "", e, True, s.right, "answered") for e in range(1, 6) for s in once]
    (a,), (b,) = summed(once), summed(often)
    assert (a.low, a.high, a.runs) == (b.low, b.high, b.runs // 5)


def test_checks_of_a_folder_run_only_once_a_person_has_trusted_them_as_they_stand(
    folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("llmos_nb.session.trust._file", lambda: tmp_path / "config" / "trust.json")
    monkeypatch.delenv("LLMOS_TRUST", raising=False)
    touched = tmp_path / "touched"
    (folder / "total.toml").write_text(TASKS["total"].replace("int(t.a.sum())", f"open({str(touched)!r}, 'w')"))
    given = ["eval", str(folder), "-m", model(tmp_path, "m", "It is 7."), "-o", str(tmp_path / "x.jsonl")]
    said = []

    def answered(answer):
        monkeypatch.setattr("builtins.input", lambda question: said.append(question) or answer)

    answered("n")
    assert main(given) == 2 and said and not touched.exists()
    assert "run the checks of 2 tasks as Python, with your rights: top, total" in capsys.readouterr().err
    monkeypatch.setattr("builtins.input", lambda question: (_ for _ in ()).throw(EOFError))
    assert main(given) != 0 and not touched.exists()  # nobody is there
    (folder / "total.toml").write_text(TASKS["total"])
    answered("y")
    assert main(given) == 0
    asked = len(said)
    assert main(given) == 0 and len(said) == asked  # once
    answered("n")
    (folder / "top.py").write_text("x = 1\n")
    assert main(given) == 2 and len(said) == asked + 1  # it has changed
    assert "what has changed since it was trusted, too" in capsys.readouterr().err
    assert main([*given, "--yes"]) == 0


@pytest.mark.parametrize("task", read_tasks(scores.OURS), ids=lambda t: t.name)
def test_our_tasks_are_judged_by_their_data(task):
    import pandas as pd

    truth = eval(task.check["truth"], {"pd": pd, **task.tables()})
    values = truth if isinstance(truth, list) else [truth]
    assert task.right(" and ".join(v if isinstance(v, str) else f"{v:.3f}" for v in values))
    assert not task.right("I do not know.") and not task.right("It is 99999.")


def test_there_are_thirty_tasks_of_ours_and_each_is_asked_for_its_own_answer():
    tasks = read_tasks(scores.OURS)
    assert len(tasks) == 30 == len({t.goal for t in tasks})


def test_command_prints_the_table_and_its_exit_code(folder, tmp_path, capsys, monkeypatch):
    m = model(tmp_path, "m", "It is 7.")
    assert main(["eval", str(folder), "-m", m, "--epochs", "2", "-o", "x.jsonl"]) == 0
    said = capsys.readouterr().out
    assert "50%" in said and "9% to 91%" in said and "Not right: top" in said
    assert main(["eval", str(folder), "-m", m, "-o", "x.jsonl", "--json", "--only", "total"]) == 0
    assert json.loads(capsys.readouterr().out)["right"] is True
    assert main(["eval", str(folder), "-m", m, "--epochs", "0"]) == 2
    assert main(["eval", str(folder), "-m", "nobody/knows", "--only", "total", "-o", "y.jsonl"]) == 1
