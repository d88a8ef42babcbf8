"""What a step puts in the place of something else acts for the step, whatever it is called; what it defines, for who calls it."""

import contextlib
import gc
import sys
from pathlib import Path

import pytest
from at_work import READ, ran
from turns import python

SAVE = "open(target, 'w').close()"
COLOR = f"import colorsys\ndef rgb_to_hsv(*_): {SAVE}\n"
# what the user's cells have made, each in a space of its own
CELLS = """
import functools
class Base: pass
class Box(Base):
    def keep(self): return 1
@functools.singledispatch
def show(x): return 'any'
def clean(x): return x
def closed(f):
    def run(x): return f(x)
    return run
def use(f, *given): return f(*given)
def run_all():
    for each in hooks: each()
def called_csv(): return handlers['csv']()
def fetched(space):
    write = space['write']
    return write(target)
held, rows, hooks, handlers, wrapped = Box(), [1, 2], [], {}, closed(clean)
"""
# what a step leaves behind, and the user's cells that come to it
WAYS = {
    "a module's function": (f"{COLOR}colorsys.rgb_to_hsv = rgb_to_hsv", "import colorsys\ncolorsys.rgb_to_hsv(0, 0, 0)"),
    "the same by setattr": (f"{COLOR}setattr(colorsys, 'rgb_to_hsv', rgb_to_hsv)", "import colorsys\ncolorsys.rgb_to_hsv(0, 0, 0)"),
    "the same, imported from there": (f"{COLOR}colorsys.rgb_to_hsv = rgb_to_hsv", "from colorsys import rgb_to_hsv\nrgb_to_hsv(0, 0, 0)"),
    "the same under another name, by a cell before": (
        f"{COLOR}colorsys.rgb_to_hsv = rgb_to_hsv\ndel rgb_to_hsv", "from colorsys import rgb_to_hsv as change", "change(0, 0, 0)",
    ),
    "a module's class": (
        f"import colorsys\nclass Made:\n    def go(self): {SAVE}\ncolorsys.Made = Made", "from colorsys import Made", "Made().go()",
    ),
    "an object in a module": (
        f"import colorsys\nclass Made:\n    def go(self): {SAVE}\ncolorsys.made = Made()", "from colorsys import made", "made.go()",
    ),
    "an object for a module": (
        f"import sys\nclass Made:\n    def rgb_to_hsv(*_): {SAVE}\nsys.modules['colorsys'] = Made()", "import colorsys\ncolorsys.rgb_to_hsv()",
    ),
    "a builtin": (f"import builtins\ndef ascii(*_): {SAVE}\nbuiltins.ascii = ascii", "ascii(1)"),
    "a builtin's name": (f"def ascii(*_): {SAVE}", "ascii(1)"),
    "a function that was there": (f"def clean(x): {SAVE}", "clean(1)"),
    "its code": (f"def other(x): {SAVE}\nclean.__code__ = other.__code__", "clean(1)"),
    "its code, by a callback of C": (
        f"def other(x): {SAVE}\nlist(map(setattr, [clean], ['__code__'], [other.__code__]))", "clean(1)",
    ),
    "what it closes over": (f"def clean_it(x): {SAVE}\nwrapped.__closure__[0].cell_contents = clean_it", "wrapped(1)"),
    "what it takes by default": (f"def run(x=0): {SAVE}\nuse.__defaults__ = (run,)", "use()"),
    "a variable that was there": (f"class Rows(list):\n    def sort(self): {SAVE}\nrows = Rows(rows)", "rows.sort()"),
    "the same by a partial": (f"import functools\ndef other(x): {SAVE}\nclean = functools.partial(other)", "clean(1)"),
    "a method of a class": (f"def keep(self): {SAVE}\nBox.keep = keep", "Box().keep()"),
    "a method of one object": (f"def keep(): {SAVE}\nheld.keep = keep", "held.keep()"),
    "a property of a class": (f"def size(self): {SAVE}\nBox.size = property(size)", "Box().size"),
    "a descriptor of a class": (f"class Size:\n    def __get__(self, *_): {SAVE}\nBox.size = Size()", "Box().size"),
    "an operator of a class": (f"def __add__(self, other): {SAVE}\nBox.__add__ = __add__", "Box() + 1"),
    "a class that another inherits from": (f"class Theirs:\n    def go(self): {SAVE}\nBox.__bases__ = (Theirs,)", "Box().go()"),
    "the class of an object": (f"class Theirs:\n    def keep(self): {SAVE}\nheld.__class__ = Theirs", "held.keep()"),
    "what is told of each new class": (
        f"def __init_subclass__(cls, **_): {SAVE}\nBox.__init_subclass__ = classmethod(__init_subclass__)", "class Mine(Box): pass",
    ),
    "a case of a generic function": (f"@show.register\ndef show_number(x: int): {SAVE}", "show(1)"),
    "a list of hooks": (f"def hook(): {SAVE}\nhooks.append(hook)", "run_all()"),
    "a table of functions": (f"def csv(): {SAVE}\nhandlers['csv'] = csv", "called_csv()"),
    "a table of a library": (
        f"import copyreg\ndef dumps(box): {SAVE}; return str, ()\ncopyreg.pickle(Box, dumps)", "import pickle\npickle.dumps(Box())",
    ),
    "a codec": (f"import codecs\ndef encode(name): {SAVE}\ncodecs.register(encode)", "'x'.encode('of_theirs')"),
    "an accessor of pandas": (
        "import pandas as pd\n@pd.api.extensions.register_series_accessor('saved')\nclass Saved:\n"
        f"    def __init__(self, _): pass\n    def now(self): {SAVE}", "import pandas as pd\npd.Series([1]).saved.now()",
    ),
    "a handler of a log": (
        f"import logging\nclass Handler(logging.Handler):\n    def emit(self, _): {SAVE}\nlogging.getLogger('theirs').addHandler(Handler())",
        "import logging\nlogging.getLogger('theirs').error('x')",
    ),
    "a finder of modules": (
        f"import sys\nclass Finder:\n    def find_spec(*_): {SAVE}\nsys.meta_path.insert(0, Finder)", "import no_such_module",
    ),
    "what is called for each line": (f"import sys\ndef call(*_): {SAVE}\nsys.settrace(call)", "clean(1)"),
    "what is called for each call": (f"import sys\ndef call(*_): {SAVE}\nsys.setprofile(call)", "clean(1)"),
    "what shows a warning": (
        f"import warnings\ndef warn(*_, **__): {SAVE}\nwarnings.showwarning = warn",
        "import warnings\nwarnings.simplefilter('always')\nwarnings.warn('x')",
    ),
    "what shows a value": (f"import sys\ndef shown(_): {SAVE}\nsys.displayhook = shown", "import sys\nsys.displayhook(1)"),
    "what JSON does with the rest": (
        f"import json\ndef default(self, o): {SAVE}\njson.JSONEncoder.default = default", "import json\njson.dumps(Box())",
    ),
    "what hears of collections": (f"import gc\ndef heard(*_): {SAVE}\ngc.callbacks.append(heard)", "import gc\ngc.collect()"),
    "a finalizer": (f"class Last:\n    def __del__(self): {SAVE}\nkept = Last()", "del kept"),
}  # fmt: skip
# what cells do, steps that have read nothing of others, and steps that are led by what they have read
AFTER = {
    "a function that was deleted before": [("led", "del clean"), ("led", f"def clean(x): {SAVE}"), ("cell", "clean(1)")],
    "a function that is bound twice": [
        ("led", "def clean(x): pass"), ("led", f"def clean(x): {SAVE}"), ("cell", "clean(1)"),
    ],
    "a table for that of the user's": [
        ("led", f"def csv(): {SAVE}\nhandlers = {{'csv': csv}}"), ("cell", "called_csv()"),
    ],
    "a table that is filled later": [
        ("led", "handlers = {}"), ("led", f"def csv(): {SAVE}\nhandlers['csv'] = csv"), ("cell", "called_csv()"),
    ],
    "a list for that of the user's": [
        ("led", f"def hook(): {SAVE}\nhooks = [hook]"), ("cell", "for one in hooks: one()"),
    ],
    "an object of a step's class that a cell has made": [
        ("step", "class Report:\n    def save(self): pass"), ("cell", "mine = Report()"),
        ("led", f"class Other:\n    def save(self): {SAVE}\nmine = Other()"), ("cell", "mine.save()"),
    ],
    "a name that a cell has given to a step's function": [
        ("step", "def other(): pass"), ("cell", "mine = other"), ("led", f"def third(): {SAVE}\nmine = third"),
        ("cell", "mine()"),
    ],
    "a hook under a name that a cell binds later": [
        ("led", f"import json\ndef text(self, o): {SAVE}; return 1\njson.JSONEncoder.default = text"),
        ("cell", "import json\nfor box in [Box()]:\n    text = json.dumps(box)\n    print(text)"),
    ],
    "a name that is compared by code of the step's": [
        ("led", "class Key:\n    def __hash__(self): return hash('dumps')\n    def __eq__(self, other): raise ValueError\n"
        f"import json\ndef default(self, o): {SAVE}; return 1\njson.JSONEncoder.default = default"),
        ("cell", "import json\nclass Late:\n    def default(self): return json.dumps(Box())\nlate = Late()"),
        ("led", "globals()[Key()] = 1"), ("cell", "def go(f=late.default):\n    f()\n    dumps\ngo()"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("way", AFTER)
async def test_what_a_step_puts_under_a_name_of_the_users_acts_for_that_step(way, space):
    for who, code in AFTER[way]:
        if who == "cell":
            cells(space, code)
        else:
            await ran(space, *([READ] if who == "led" else []), python(code))
    assert not Path(space["target"]).exists()


@pytest.mark.parametrize("way", AFTER)
def test_the_same_of_cells_alone_acts(way, space):
    cells(space, *(code for _, code in AFTER[way]))
    assert Path(space["target"]).exists()


AT_EXIT = f"import atexit\ndef last(): {SAVE}\natexit.register(last)"


@pytest.fixture
def space(work, monkeypatch):
    """Have what the user's cells have made, and everything else as it was after the test."""
    import builtins
    import codecs
    import colorsys
    import copyreg
    import json
    import logging
    import warnings

    pandas = pytest.importorskip("pandas")
    for owner, name in (
        (colorsys, "rgb_to_hsv"), (builtins, "ascii"), (json.JSONEncoder, "default"), (sys, "displayhook"),
        (warnings, "showwarning"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setitem(sys.modules, "colorsys", colorsys)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    found = dict(work)
    exec(compile(CELLS, "<cell>", "exec"), found)
    with warnings.catch_warnings():
        yield found
    sys.setprofile(None)
    codecs.unregister(found.get("encode", len))
    copyreg.dispatch_table.pop(found["Box"], None)
    for name in ("made", "Made"):
        vars(colorsys).pop(name, None)
    if hasattr(pandas.Series, "saved"):
        del pandas.Series.saved
        pandas.Series._accessors.discard("saved")
    logging.getLogger("theirs").handlers.clear()
    gc.callbacks[:] = [one for one in gc.callbacks if one is not found.get("heard")]


def cells(space, *codes):
    """Run cells of the user's; what goes wrong in one is told by what is there afterwards."""
    for code in codes:
        with contextlib.suppress(Exception):
            exec(compile(code, "<cell>", "exec"), space)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("way", WAYS)
async def test_what_a_step_puts_in_the_place_of_something_else_acts_for_that_step(way, space):
    code, *comes = WAYS[way]
    await ran(space, READ, python(code))
    cells(space, *comes)
    gc.collect()
    assert not Path(space["target"]).exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("way", [way for way in WAYS if "is called for each" not in way])
def test_the_same_of_a_cell_acts(way, space):
    """The counter-example: a way by which nothing is called would pass the test above."""
    cells(space, *WAYS[way])
    gc.collect()
    assert Path(space["target"]).exists()


@pytest.mark.parametrize(
    "code", [*(code for code, *_ in WAYS.values()), AT_EXIT], ids=[*WAYS, "the end of the interpreter"]
)
async def test_mode_risky_asks_before_such_a_step(code, space):
    _, made = await ran(space, python(code), mode="risky")
    assert made.status == "asked" and not Path(space["target"]).exists()


DEFINES = """
import contextlib, functools, types
def write(path, *_): open(path, 'w').close()
short = lambda path: write(path)
class Report:
    def __init__(self, path): self.path = path
    def write(self): write(self.path)
    def __call__(self): self.write()
    def __getitem__(self, _): self.write()
    def __enter__(self): return self.write()
    def __exit__(self, *_): pass
    @classmethod
    def of(cls, path): cls(path).write()
    @staticmethod
    def at(path): write(path)
    total = property(lambda self: self.write())
    @functools.cached_property
    def kept(self): self.write()
def maker():
    def made(path): write(path)
    return made
@functools.lru_cache
def cached(path): write(path)
@contextlib.contextmanager
def held_open(path):
    write(path)
    yield
def each(path):
    yield write(path)
def logged(f):
    @functools.wraps(f)
    def run(*given):
        write(target)
        return f(*given)
    return run
table, named = {'write': write, 'all': [write]}, types.SimpleNamespace(write=write)
report = Report(target)
"""
HONEST = {
    "a function": ["write(target)"],
    "by another name": ["mine = write", "mine(target)"],
    "a lambda": ["short(target)"],
    "a class": ["Report(target).write()"],
    "an object of it": ["report.write()"],
    "an object that is called": ["report()"],
    "a method of it, kept": ["kept = report.write", "kept()"],
    "an operator": ["report[0]"],
    "a block": ["with report: pass"],
    "a method of the class": ["Report.of(target)"],
    "a function of the class": ["Report.at(target)"],
    "a property": ["report.total"],
    "one that is kept": ["report.kept"],
    "a class of one's own of it": ["class Mine(Report): pass", "Mine(target).write()"],
    "a partial": ["import functools\nfunctools.partial(write, target)()"],
    "a partial of a cell before": ["import functools\nwriting = functools.partial(write, target)", "writing()"],
    "map": ["list(map(write, [target]))"],
    "apply": ["import pandas as pd\npd.Series([target]).apply(write)"],
    "sort": ["sorted([target], key=write)"],
    "a function of one's own that is given it": ["use(write, target)"],
    "a function of one's own that names it": ["def mine(): write(target)", "mine()"],
    "a comprehension": ["[write(path) for path in [target]]"],
    "what it returns": ["maker()(target)"],
    "the same, kept": ["made = maker()", "made(target)"],
    "one whose results are kept": ["cached(target)"],
    "a block of a generator": ["with held_open(target): pass"],
    "a generator": ["list(each(target))"],
    "a decorator": ["@logged\ndef mine(): pass", "mine()"],
    "a table of the step's": ["table['write'](target)"],
    "names of the step's": ["named.write(target)"],
    "by a text": ["globals()['write'](target)"],
    "by a text, in a function": ["fetched(globals())"],
}


@pytest.mark.parametrize("way", HONEST)
async def test_what_a_step_defines_acts_for_whoever_calls_it(way, space):
    process, made = await ran(space, READ, python(DEFINES))
    assert made.status == "done", made.result
    for code in HONEST[way]:
        exec(compile(code, "<cell>", "exec"), space)
    assert Path(space["target"]).exists()
    assert not [e for e in process.events if e.d.get("signal") == "late_effect"]


async def test_function_that_a_step_defines_anew_is_still_the_users_to_call(space):
    once = DEFINES.replace("write(path, *_): open(path, 'w').close()", "write(path): pass")
    await ran(space, READ, python(once), python(DEFINES))
    cells(space, "write(target)")
    assert Path(space["target"]).exists()


async def test_function_of_the_users_that_a_step_defines_anew_is_theirs_unless_it_had_read_others_words(space):
    await ran(space, python(f"def clean(x): {SAVE}"))
    cells(space, "clean(1)")
    assert Path(space["target"]).exists()
    Path(space["target"]).unlink()
    exec(compile(CELLS, "<cell>", "exec"), space)
    await ran(space, READ, python(f"def clean(x): {SAVE}"))
    cells(space, "clean(1)")
    assert not Path(space["target"]).exists()
    cells(space, f"def clean(x): {SAVE}", "clean(1)")  # and a cell makes it the user's again
    assert Path(space["target"]).exists()


# what IPython calls to show a value, and what that returns
SHOWN = {
    "_repr_html_": "'<b>a</b>'", "_repr_markdown_": "'a'", "_repr_mimebundle_": "{'text/html': 'a'}",
    "_repr_png_": "b'a'", "_repr_pretty_": "given[0].text('a')", "_ipython_display_": "None",
}  # fmt: skip
REPORT = f"""
class Report:
    def __repr__(self): return 'a report'
    def NAME(self, *given, **more):
        {SAVE}
        return RETURNED
made = Report()
"""
SHOW = "from IPython.core.formatters import DisplayFormatter\nDisplayFormatter().format(made)"


def report(name):
    return REPORT.replace("NAME", name).replace("RETURNED", SHOWN[name])


@pytest.mark.filterwarnings("ignore::IPython.core.formatters.FormatterWarning")
@pytest.mark.parametrize("name", SHOWN)
async def test_object_that_a_step_left_acts_for_that_step_where_it_is_shown(name, space):
    await ran(space, READ, python(report(name)))
    cells(space, SHOW)
    assert not Path(space["target"]).exists()
    cells(space, f"made.{name}(*([type('P', (), {{'text': print}})] if 'pretty' in '{name}' else []))")
    assert Path(space["target"]).exists()  # whoever calls it by name has called it


@pytest.mark.parametrize("name", SHOWN)
def test_the_same_object_of_a_cell_acts_where_it_is_shown(name, space):
    cells(space, report(name), SHOW)
    assert Path(space["target"]).exists()
