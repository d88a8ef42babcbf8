"""What an export may not take along from where it ran: its folder, what lies in it, and what only its code has named."""

from real_runs.scenario import agent, call, study

TIDES = "port,high\n" + "".join(f"{port},{n % 7}.{n % 10}\n" for n, port in enumerate(["Brest", "Kiel"] * 20))
TRIPS = "line,riders\n" + "".join(f"{'AB'[n % 2]},{n * 37 % 101}\n" for n in range(30))
UNITS = (
    "from pathlib import Path\n"
    "TABLE = dict(l.split() for l in (Path(__file__).parent / 'units.txt').read_text().splitlines())\n"
    "def to_m(n, unit):\n    return n * float(TABLE[unit])\n"
)

ELSEWHERE = (
    study(
        "folder_as_a_path",
        "a cell keeps the folder as a path, and tables are read from there by user and step",
        "from pathlib import Path\nimport pandas as pd\nDATA = Path.cwd() / 'data'\ntides = pd.read_csv(DATA / 'tides.csv')",
        agent(
            "How high is it?",
            "mean = tides.groupby('port')['high'].mean().round(3)\nmean",
            "more = pd.read_csv(DATA / 'more.csv')\nlen(more)",
            "names = sorted(p.name for p in DATA.glob('*.csv'))\nnames",
            answer="{{mean.max():.2f}} m at most.",
        ),
        files={"data/tides.csv": TIDES, "data/more.csv": TIDES},
        skip=("p",),
    ),
    study(
        "folder_by_other_words",
        "the folder by abspath, resolve and the environment's home for data, gone to and left by steps",
        "import os\nfrom pathlib import Path\nbase = os.path.abspath('.')\nlogs = Path('logs').resolve()",
        agent(
            "Count the lines",
            "os.chdir(logs)\nlines = [len(open(f).readlines()) for f in sorted(os.listdir('.'))]\nlines",
            "os.chdir(base)\nback = sorted(os.listdir('logs'))\nback",
            "where = [os.path.join(base, 'logs', f) for f in back]\nlen(where)",
            answer="{{sum(lines)}} lines in {{len(back)}} files.",
        ),
        files={"logs/a.log": "x\ny\n", "logs/b.log": "z\n"},
        skip=("where",),
    ),
    study(
        "folder_that_no_cell_makes",
        "a script that is run by a magic keeps the folder, and a step reads from there",
        "%run settings.py",
        agent("Read it", "import os\nwords = open(os.path.join(ROOT, 'words.txt')).read().split()\nwords"),
        files={"settings.py": "import os\nROOT = os.getcwd()\n", "words.txt": "oak ash elm\n"},
    ),
    study(
        "file_by_its_whole_path",
        "a step opens a file by a path that it puts together from the folder's own name",
        "import os",
        agent(
            "Read it",
            "path = os.path.realpath('words.txt')\nwords = open(path).read().split()\nwords",
            "print(path.rpartition('/')[2])",
        ),
        files={"words.txt": "oak ash elm\n"},
        skip=("path",),
    ),
    study(
        "file_named_in_sql",
        "duckdb reads a table whose name stands in a query",
        "import duckdb",
        agent(
            "How many?",
            "riders = duckdb.sql(\"select line, sum(riders) as n from 'trips.csv' group by line order by line\").fetchall()\nriders",
            "most = duckdb.sql(\"\"\"\nselect max(riders)\nfrom read_csv('more/*.csv')\n\"\"\").fetchone()[0]\nmost",
            answer="{{riders[0][1]}} on line A.",
        ),
        files={"trips.csv": TRIPS, "more/a.csv": TRIPS, "more/b.csv": TRIPS},
    ),
    study(
        "file_named_in_a_command",
        "a shell line counts the lines of a file",
        agent("Count", "lines = !wc -l < trips.csv\nn = int(lines[0])\nn"),
        files={"trips.csv": TRIPS},
        skip=("lines",),
    ),
    study(
        "module_that_reads_when_imported",
        "a cell of the user's imports a module of a package that reads a table beside it",
        "from measures import lengths\nfathoms = lengths.to_m(7, 'fathom')",
        agent("Convert", "feet = round(fathoms / 0.3048, 3)\nfeet", "yards = round(lengths.to_m(100, 'yard'), 3)\nyards", "kinds = sorted(lengths.TABLE)\nkinds"),
        files={
            "measures/__init__.py": "",
            "measures/lengths.py": UNITS,
            "measures/units.txt": "fathom 1.8288\nyard 0.9144\n",
        },
        also=("fathoms",),
    ),
    study(
        "folder_made_and_filled_by_the_user",
        "a cell makes a folder and writes a file there, and steps go into it",
        "import os\nos.makedirs('sub')\nopen('sub/n.txt', 'w').write('41')",
        agent("Read it", "names = os.listdir('sub')\nnames", "%cd -q sub\nn = int(open('n.txt').read()) + 1\nn", "%cd -q ..\nthere = os.path.exists('sub')\nthere"),
    ),
    study(
        "folder_made_by_one_cell_and_filled_by_another",
        "one cell makes a folder, another one writes there what a third has made",
        "from pathlib import Path\nout = Path('out')\nout.mkdir()",
        "rows = [3, 1, 2]",
        "(out / 'rows.txt').write_text('\\n'.join(map(str, rows)))",
        agent(
            "Sort them",
            "ordered = sorted(int(l) for l in (out / 'rows.txt').read_text().split())\nordered",
            "(out / 'sorted.txt').write_text(str(ordered))\nnames = sorted(p.name for p in out.iterdir())\nnames",
        ),
        skip=("p",),
    ),
    study(
        "queried_by_the_tool",
        "the SQL tool reads a file by its name",
        agent(
            "How many?",
            call("sql", query="select line, count(*) as n from 'trips.csv' group by line order by line", into="lines"),
            "n = int(lines['n'].sum())\nn",
            options="-a auto -t sql",
        ),
        files={"trips.csv": TRIPS},
    ),
)  # fmt: skip
