"""The magics in a real kernel: every way a person may type them."""

import asyncio
import json
import re
import subprocess
import sys
import textwrap

import pytest
from notebook_driver import Notebook
from promptness import promptly
from turns import call, python

from llmos_nb.app import magics, options
from llmos_nb.app.verbs import BUILT_IN as VERBS
from llmos_nb.errors import UsageError

HELLO = {"text": "hello there"}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    with Notebook(tmp_path_factory.mktemp("notebook")) as found:
        yield found


def test_a_goal_is_answered_and_the_variable_made(book):
    spec = book.script(python("x = 40 + 2\nx"), {"text": "x is 42"})
    ran = book.run(f"%%agent first -m {spec} -o result\nMake x 42.")
    assert ran.status == "ok", ran.error
    assert "x is 42" in ran.text and book.value("x, result") == "(42, 'x is 42')"


def test_the_static_form_is_left_in_a_headless_notebook(book):
    ran = book.run(f"%%agent -m {book.script(HELLO)}\nSay hello <script>alert(1)</script>.")
    assert "hello there" in ran.html and "<script" not in ran.html


def test_help_and_question_mark_start_nothing(book):
    def listed():
        return re.sub(r"\d+ (s|min)\b", "age", " ".join(book.run("%agent ps").text.split()))

    before = listed()
    assert "--budget" in book.run("%%agent --help\n").text
    asked = book.run("%%agent?")
    assert asked.status == "ok" and listed() == before
    assert "%agent approve" in book.run("%agent --help").text


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%agent\n", "UsageError: the goal is empty"),
        ("%%agent", "UsageError: the goal is empty"),
        ("%%agent --budgt 3\ngo", "UsageError: %%agent: unknown option '--budgt'; did you mean --budget"),
        ("%%agent -b '20 stpes'\ngo", "UsageError: --budget '20 stpes': unknown unit 'stpes'"),
        ("%%agent -a riskey\ngo", "UsageError: --approve 'riskey': unknown mode"),
        ("%%agent -m locl\ngo", "UsageError: model 'locl'"),
        ("%%agent 'a name'\ngo", "a name has letters"),
        ("%agent aprove 1", "unknown command; did you mean approve"),
        ("%agent nice 1", "write %agent nice P"),
        ("%agent show 99", "UsageError: process '99': no such process"),
        ("%agent stop 'x", "a quote is not closed"),
        ("%%time\n%%agent\ngo", "%%time cannot stand above %%agent"),
        ("%%capture out\n%%agent\ngo", "%%capture cannot stand above %%agent"),
    ],
)
def test_bad_lines_give_one_line_that_says_what_to_do(book, cell, message):
    ran = book.run(cell)
    assert ran.status == "error" and message in ran.error
    assert "Traceback" not in "".join(next(m for m in ran.messages if m["msg_type"] == "error")["content"]["traceback"])


def test_cell_magic_accepts_a_leading_comment_and_dollar_signs(book):
    spec = book.script(HELLO)
    ran = book.run(f"# a comment\n\n%%agent -m {spec} -b '$0.50'\nSay hello for $5 to {{nobody}}.")
    assert ran.status == "ok", ran.error
    assert "$5 to {nobody}" in re.sub("<[^>]*>", "", ran.html)


def test_line_magic_works_assigned_and_in_a_loop(book):
    assert book.run("for _ in range(2):\n    %agent ps\n").status == "ok"
    assert book.run("rows = %agent ps").status == "ok"


def test_queued_cell_is_aborted_after_an_error_in_the_first(book):
    gate = book.send("import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)")
    first = book.send(f"%%agent -m {book.script(name='empty.json')}\nGo.")
    second = book.send("print('must not run')")
    (book.folder / "go").touch()  # both are queued by now
    assert book.collect(gate).status == "ok"
    one, two = book.collect(first), book.collect(second)
    assert one.status == "error" and "NotAnswered" in one.error
    assert two.status in ("aborted", "error") and "must not run" not in two.text


def test_cells_in_order_see_what_the_first_made(book):
    one = book.send(f"%%agent -m {book.script(python('made = [1, 2]'), HELLO, name='a.json')}\nMake it.")
    two = book.send(f"%%agent -m {book.script(python('made.append(3)'), HELLO, name='b.json')}\nAdd to it.")
    assert (book.collect(one).status, book.collect(two).status) == ("ok", "ok")
    assert book.value("made") == "[1, 2, 3]"


def test_reset_leaves_the_magic_working(book):
    assert book.run("%reset -f").status == "ok"
    assert book.run(f"%%agent -m {book.script(HELLO)}\nSay hello.").status == "ok"


def test_config_settings_reach_the_process(book):
    book.script(HELLO, name="configured.json")
    assert book.run("%config LLMOS.model = 'script:configured.json'\n%config LLMOS").status == "ok"
    assert book.run("%%agent\nSay hello.").status == "ok"
    assert book.run("%config LLMOS.model = ''").status == "ok"


@pytest.mark.parametrize(
    "code", ["import time\ntime.sleep(60)", "while True: pass", "import re\nre.match('(a+)+$', 'a' * 60 + 'b')"]
)
def test_the_stop_button_ends_a_step_within_a_second(book, code):
    spec = book.script(python("kept = 1\nopen('begun', 'w').close()\n" + code), {"text": "done"}, name="endless.json")

    def stopped():
        ran = book.run(
            f"%%agent endless -a auto -m {spec}\nGo.",
            when=lambda r: (tmp := book.folder / "begun").exists() and not tmp.unlink(),
            then=book.manager.interrupt_kernel,
        )
        assert ran.status == "error" and "paused" in ran.error
        assert book.value("'kept' in dir()") == "False"
        resumed = book.run("%agent resume endless")
        assert resumed.status == "ok", resumed.error
        return None, ran.seconds

    promptly(3, stopped)


def test_the_stop_button_ends_a_waiting_model(book):
    spec = book.script({"text": "late", "wait_s": 60}, name="slow.json")

    def stopped():
        cell = f"%%agent slow -m {spec}\nGo."
        ran = book.run(cell, when=lambda r: r.text, then=book.manager.interrupt_kernel)
        assert ran.status == "error" and "paused" in ran.error
        return None, ran.seconds

    promptly(3, stopped)
    assert book.value("1 + 1") == "2"
    said = book.run("%agent ps").text  # nobody pressed Stop: a restart begins with an interrupt, too
    assert "stopped by an interrupt" in said and "by you" not in said


def test_step_mode_raises_the_command_that_resumes_it_in_another_kernel(tmp_path):
    with Notebook(tmp_path) as book:
        spec = book.script(python("base.append(1)\ny = len(base)\ny"), python("z = y + 40\nz"), {"text": "z is 41"})
        book.run("base = []")
        ran = book.run(f"%%agent saved -m {spec} -a step\nGo.")
        assert ran.status == "error" and "ApprovalNeeded" in ran.error and "%agent resume 1" in ran.error
        assert book.run("%agent approve 1").status == "ok"
        again = book.run("%agent resume 1")
        assert "ApprovalNeeded" in again.error and book.value("y") == "1"
    with Notebook(tmp_path) as other:
        other.run("%agent approve 1")
        ran = other.run("%agent resume 1")  # what a step changed is stored, also where it is the user's: read back
        assert ran.status == "ok", ran.error
        assert other.value("y, z, base") == "(1, 41, [1])"


def test_the_default_mode_asks_for_a_risky_call(tmp_path):
    with Notebook(tmp_path) as book:
        spec = book.script(python("open('made.txt', 'w').write('x')"), HELLO)
        ran = book.run(f"%%agent -m {spec}\nWrite it.")
        assert "ApprovalNeeded" in ran.error and not (tmp_path / "made.txt").exists()


def test_resume_of_what_an_approval_has_led_to_its_answer_shows_it(tmp_path):
    with Notebook(tmp_path) as book:
        spec = book.script(python("open('made.txt', 'w').write('x')"), HELLO)
        assert "%agent resume 1" in book.run(f"%%agent -m {spec}\nWrite it.").error
        for _ in range(2):  # the second finds it answered, whatever the first found
            book.run("%agent approve 1")
            ran = book.run("%agent resume 1")
            assert ran.status == "ok", ran.error
        assert "process 1 has answered" in ran.text and (tmp_path / "made.txt").exists()


def test_a_step_that_changes_the_folder_acts_nowhere_else(tmp_path):
    (tmp_path / "data").mkdir()
    with Notebook(tmp_path) as book:
        spec = book.script(python("%cd -q data\nn = 1"), HELLO)
        book.run(f"%%agent one -m {spec} -a auto\nGo there.")
        assert book.value("n") == "1"
        assert "acts outside" not in book.run("%agent export 1 out.ipynb").text


def test_magics_work_in_terminal_ipython(tmp_path):
    (tmp_path / "s.json").write_text('{"version": 1, "turns": [{"text": "hello there"}]}')
    program = textwrap.dedent("""
        from IPython.core.interactiveshell import InteractiveShell
        ip = InteractiveShell.instance()
        ip.run_line_magic('load_ext', 'llmos_nb')
        r = ip.run_cell('%%agent -m script:s.json\\nSay hello.')
        assert r.success, r.error_in_exec
    """)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "hello there" in done.stdout


def test_loading_is_cheap_and_unloading_leaves_nothing(book):
    assert book.value("[m for m in ('openai', 'numpy', 'pandas') if m in __import__('sys').modules]") == "[]"
    assert book.run("%reload_ext llmos_nb\n%agent ps").status == "ok"
    hooks = "[h for h in get_ipython().input_transformers_post if 'llmos' in h.__module__]"
    assert book.run("%unload_ext llmos_nb").status == "ok" and book.value(hooks) == "[]"
    assert book.run("%load_ext llmos_nb").status == "ok"


def test_unloading_gives_the_standard_library_back_unless_code_of_a_step_may_still_run(tmp_path):
    program = textwrap.dedent("""
        import _thread, atexit, concurrent.futures, json, os, signal, sqlite3, threading
        from IPython.core.interactiveshell import InteractiveShell

        def there():
            return [sqlite3.connect, sqlite3.dbapi2.connect, signal.signal, atexit.register, threading.Thread.__init__,
                    concurrent.futures.ThreadPoolExecutor.submit, _thread.start_new_thread, os.mkfifo]

        ip, found, before = InteractiveShell.instance(), [], there()
        for code in ("x = 1", "def left(): pass"):
            with open("s.json", "w") as file:
                json.dump({"version": 1, "turns": [{"calls": [{"name": "python", "arguments": {"code": code}}]}, {"text": "ok"}]}, file)
            ip.run_line_magic("load_ext", "llmos_nb")
            assert ip.run_cell("%%agent -a auto -m script:s.json\\nGo.").success
            within = there()
            ip.run_line_magic("unload_ext", "llmos_nb")
            found.append((within != before, there() == before))
        print(found)
    """)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[(True, True), (True, False)]"


def test_call_without_namespace_lock_stands_in_the_log(book):
    spec = book.script(call("calculator", expression="6*7"), {"text": "42"})
    assert book.run(f"%%agent sum -m {spec}\nMultiply.").status == "ok"
    assert "call.finished" in book.run("%agent log sum").text


def test_the_help_of_commands_is_two_columns_that_never_run_together():
    rows = options.command_help().splitlines()[1:]
    assert all(verb.help in (row[44:] for row in rows) for verb in VERBS.values() if verb.agent)


def test_kill_and_stop_say_how_the_process_stands_after_them(book):
    book.run(f"%%agent waits -a step --bg -m {book.script(python('x = 1'), HELLO, name='w.json')}\nGo.")
    book.run(f"%%agent slow --bg -m {book.script({'text': 'late', 'wait_s': 60}, name='s.json')}\nGo.")
    assert book.run("%agent stop slow").text.strip().endswith("is paused")
    assert book.run("%agent kill slow").text.strip().endswith("is killed")
    assert book.run("%agent kill waits").text.strip().endswith("is killed")


WATCH = """
import sys
opened = []
def watch(event, args):
    if event == "sqlite3.connect" and "memory.db" in str(args[0]):
        opened.append(str(args[0]))
sys.addaudithook(watch)
"""


def test_no_database_is_opened_on_load_nor_by_commands_that_need_none(tmp_path):
    with Notebook(tmp_path, extension=False) as book:
        book.run(WATCH)
        assert book.run("%load_ext llmos_nb\n%agent ps").status == "ok" and book.value("opened") == "[]"
        spec = book.script(python("x = 1"), HELLO)
        assert book.run("%agent goals add Later. --at 2099-01-01T00:00").status == "ok"
        assert book.run(f"%%agent -m {spec}\nMake x.").status == "ok" and "memory.db" in book.value("opened")
        assert book.run("%agent goals done 1").status == "ok"  # so that no timer looks at it later
    with Notebook(tmp_path) as book:
        book.run(WATCH)
        book.run("%reload_ext llmos_nb")
        assert "memory.db" in book.value("opened")  # loading looks for open goals
        book.run("x = 1\nopened.clear()")
        for line in ("ps", "show 1", "undo 1", "redo 1", "log 1", "approve 1", "--help"):
            book.run(f"%agent {line}")
        assert book.value("opened") == "[]"


def test_tab_offers_commands_and_processes(book):
    spec = book.script(HELLO, name="tab.json")
    assert book.run(f"%%agent tabbed -m {spec}\nSay hello.").status == "ok"
    for line, wanted in (("%agent resum", ["resume"]), ("%agent show tab", ["tabbed"])):
        reply = book.client.complete(line, reply=True, timeout=30)
        assert reply["content"]["matches"] == wanted


def test_a_misspelt_name_in_the_goal_is_said_before_a_model_is_asked(book):
    book.run("penguins = [1, 2]")
    ran = book.run(f"%%agent -m {book.script(HELLO)}\nCount `pengins` and `penguins`.")
    assert ran.text.startswith("`pengins`: no such variable; did you mean `penguins`?\n"), ran.text
    assert ran.text.count("no such variable") == 1


def test_loading_in_a_notebook_prepares_in_silence(tmp_path):
    with Notebook(tmp_path, stdin=True, extension=False) as book:
        wait = "import threading\n[t.join() for t in threading.enumerate() if t.name.startswith('llmos-')]"
        (tmp_path / "llmos.toml").write_text("[retention]\nruns_days = 30\n")
        ran = book.run(f"%load_ext llmos_nb\n{wait};")
        assert (ran.status, ran.text) == ("ok", "")
        prepared = "__import__('llmos_nb.views.loop.dot', fromlist=['ENGINE']).ENGINE.wait(20)"
        assert book.value(prepared) == "True"


def test_a_command_in_the_cell_that_loads_the_extension_is_carried_out(tmp_path):
    with Notebook(tmp_path, extension=False) as book:
        ran = book.run("%load_ext llmos_nb\n%agent doctor")
        assert ran.status == "ok", ran.error
        assert "coroutine" not in ran.text + ran.error and "python" in ran.text.lower()
        spec = book.script(HELLO)
        assert "hello there" in book.run(f"%%agent -m {spec}\nSay hello.").html
        assert book.run("%agent ps").status == "ok", "later cells are awaited as ever"


def test_a_command_that_waits_is_refused_in_the_cell_that_loads_the_extension():
    with pytest.raises(UsageError, match="nothing can wait; write it in the next"):
        magics.at_once(asyncio.sleep(0), "resume 1")
    assert magics.at_once(nothing_to_wait_for(), "ps") == 3


async def nothing_to_wait_for():
    return 3


def test_send_after_the_answer_begins_a_further_turn_in_its_cell(tmp_path):
    with Notebook(tmp_path) as book:
        spec = book.script(HELLO, {"text": "hello again"})
        book.run(f"%%agent -a auto --plan none -m {spec}\nGreet.")
        ran = book.run('%agent send 1 "Once more?"')
        assert ran.status == "ok" and "hello again" in ran.text and "Once more?" in ran.text


def test_a_cell_that_names_an_answered_process_goes_on_in_it(tmp_path):
    with Notebook(tmp_path) as book:
        spec = book.script(HELLO, {"text": "hello again"})
        first = f"%%agent greeter -a auto --plan none -m {spec}\nGreet."
        book.run(first)
        ran = book.run("%%agent greeter\nOnce more?")
        assert ran.status == "ok" and "hello again" in ran.text and "Once more?" in ran.text
        other = book.run(f"%%agent greeter -m {spec}\nAnother.")
        assert '%agent send 1 "…" asks it further' in other.text
        assert "has answered" not in book.run(first).text  # the same cell again


def test_resume_with_another_model_after_the_answer_says_whom_further_words_go_to(tmp_path):
    with Notebook(tmp_path) as book:
        book.run(f"%%agent -a auto --plan none -m {book.script(HELLO)}\nGreet.")
        ran = book.run(f"%agent resume 1 -m {book.script({'text': 'another says hello'}, name='other.json')}")
        assert ran.status == "ok" and '%agent send 1 "…" asks further of' in ran.text
        assert "another says hello" in book.run('%agent send 1 "Once more?"').text


def streamed(ran):
    return "".join(m["content"]["text"] for m in ran.messages if m["msg_type"] == "stream")


def test_neither_send_nor_show_prints_again_what_was_printed_before(tmp_path):
    with Notebook(tmp_path) as book:
        spec = book.script(python("print('the first step')"), HELLO, {"text": "hello again"})
        first = book.run(f"%%agent -a auto --plan none -m {spec}\nGreet.")
        assert "the first step" in streamed(first)
        sent = book.run('%agent send 1 "Once more?"')
        assert "hello again" in streamed(sent) and "the first step" not in streamed(sent)
        shown = book.run("%agent show 1")
        assert "the first step" not in streamed(shown) and "hello again" not in streamed(shown)
        assert "hello again" in shown.text and "the first step" in shown.html  # once, as the last state


PATCHED = "(sys.stdout, sys.stderr, vars(ip.display_pub).get('publish'), ip.custom_exceptions, ip.CustomTB)"
SHOWS = python("from IPython.display import display, Markdown\nprint('p')\ndisplay(Markdown('**b**'))")


THERE = """[*ip.events.callbacks['pre_run_cell'], *ip.events.callbacks['post_run_cell'], *ip.configurables,
*ip.input_transformers_cleanup, *ip.input_transformers_post, *ip.Completer.custom_matchers, *ip.display_pub._hooks,
*ip.displayhook._hooks, *(m for kind in ip.magics_manager.magics.values() for m in kind.values())]"""
OURS = f"[x for x in {THERE} if type(x).__module__.startswith('llmos') or str(getattr(x, '__module__', '')).startswith('llmos')]"


def test_unloading_leaves_no_magic_setting_or_hook(tmp_path):
    with Notebook(tmp_path, stdin=True, extension=False) as book:
        for word in ("load", "reload"):
            assert book.run(f"ip = get_ipython()\n%{word}_ext llmos_nb").status == "ok"
            assert book.run(f"%%agent -a auto -m {book.script(SHOWS, HELLO)}\nGo.").status == "ok"
            assert int(book.value(f"len({OURS})")) > 8
        assert book.run("%unload_ext llmos_nb").status == "ok"
        assert book.value(OURS) == "[]"


def test_a_process_at_work_hears_what_cells_change_after_the_extension_was_unloaded(tmp_path):
    with Notebook(tmp_path, stdin=True, extension=False) as book:
        assert book.run("ip = get_ipython()\n%load_ext llmos_nb").status == "ok"
        spec = book.script({**HELLO, "wait_s": 600})
        assert book.run(f"%%agent -a auto --bg -m {spec}\nGo.").status == "ok"
        assert book.run("%unload_ext llmos_nb").status == "ok"
        assert "Sharing.cell" in book.value(OURS)


def test_unloading_leaves_streams_and_displays_as_they_were_in_a_terminal(tmp_path):
    program = textwrap.dedent(f"""
        import sys
        from IPython.core.interactiveshell import InteractiveShell
        ip = InteractiveShell.instance()
        before = {PATCHED}
        for _ in range(2):
            ip.run_line_magic("load_ext", "llmos_nb")
            assert ip.run_cell("%%agent -a auto -m script:s.json\\nGo.").success
            within = {PATCHED}
            ip.run_line_magic("unload_ext", "llmos_nb")
            assert all(a is not b for a, b in zip(within[:3], before)), within
            assert {PATCHED} == before, {PATCHED}
    """)
    (tmp_path / "s.json").write_text(json.dumps({"version": 1, "turns": [SHOWS, HELLO]}))
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_unloading_leaves_streams_and_errors_as_they_were_in_a_notebook(tmp_path):
    with Notebook(tmp_path, stdin=True, extension=False) as book:
        assert book.run(f"import sys\nip = get_ipython()\nbefore = {PATCHED}\n%load_ext llmos_nb").status == "ok"
        refused = book.run(f"%%agent -a auto -b '1 steps' -m {book.script(SHOWS, HELLO)}\nGo.")
        assert refused.status == "error", refused.text
        assert book.value(f"[a == b for a, b in zip({PATCHED}, before)].count(False)") == "4"
        assert book.run("%unload_ext llmos_nb").status == "ok"
        assert book.value(f"[a == b for a, b in zip({PATCHED}, before)]") == str([True] * 5)
