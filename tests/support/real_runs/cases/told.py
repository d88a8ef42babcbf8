"""Answers that compute: each is read again where it stood, and looking changes nothing, whatever its words hold."""

import random

from real_runs.scenario import LOOK, agent, study, user

_RNG = random.Random(3141)
SHIFTS = "ward,nurse,hours\n" + "".join(
    f"{_RNG.choice('ABC')},n{_RNG.randrange(9)},{_RNG.randrange(8, 29) / 2}\n" for _ in range(40)
)
LEVELS = [round(_RNG.uniform(0.2, 4.8), 2) for _ in range(12)]
BOTH = {"export": "2 --of 1,2", "pids": (1, 2)}

TOLD = (
    study(
        "told_then_grew",
        "an answer over a list that the user lengthens and shortens before the second process",
        "parcels = [2.5, 7.25, 0.75, 12.0]",
        agent(
            "How heavy are they?",
            "heaviest = max(parcels)\nheaviest",
            answer="{{len(parcels)}} parcels weigh {{sum(parcels):.2f}} kg, the heaviest {{heaviest:.2f}} kg.",
        ),
        "parcels.append(100.0)\nparcels.remove(0.75)",
        agent(
            "And now?",
            "middle = sorted(parcels)[len(parcels) // 2]\nmiddle",
            answer="Now {{len(parcels)}} parcels weigh {{sum(parcels):.2f}} kg.",
        ),
        also=("parcels",),
        **BOTH,
    ),
    study(
        "told_by_three",
        "three processes answer over one table, which the user filters and changes between",
        "import pandas as pd\nshifts = pd.read_csv('shifts.csv')",
        agent(
            "Which ward works most?",
            "by_ward = shifts.groupby('ward')['hours'].sum()\nby_ward",
            answer="{{by_ward.idxmax()}} has {{by_ward.max():,.1f}} of {{shifts['hours'].sum():,.1f}} hours.",
        ),
        "shifts = shifts[shifts['hours'] < 12].copy()",
        agent(
            "What is to be paid?",
            "shifts['pay'] = shifts['hours'] * 31.5\ntotal = float(shifts['pay'].sum())\ntotal",
            answer="{{total:,.2f}} for {{len(shifts)}} shifts, {{shifts['pay'].mean():.2f}} each.",
        ),
        "shifts.drop(columns='pay', inplace=True)",
        agent(
            "Which columns are left?",
            "columns = list(shifts.columns)\ncolumns",
            answer="{{len(shifts.columns)}}: {{', '.join(shifts.columns)}}.",
        ),
        files={"shifts.csv": SHIFTS},
        export="3 --of 1,2,3",
        pids=(1, 2, 3),
        also=("shifts",),
    ),
    study(
        "told_constants",
        "numbers in braces that read nothing, beside some that do",
        "guests = ['Ola', 'Kari', 'Per']",
        agent(
            "Seat them",
            "tables = -(-len(guests) // 2)\ntables",
            answer="{{tables}} tables and {{12345}} chairs in {{'Oslo'}}, {{40 + 2}} errors; {{guests[0]}} sits first.",
        ),
        also=("guests",),
    ),
    study(
        "told_size_of_the_namespace",
        "an answer counts the names that there are, which no other notebook has the same of",
        "one, two = 1, 2",
        agent(
            "Count",
            "three = one + two\nthree",
            answer="There are {{len(globals())}} names; three is {{three}}.",
        ),
        "four = 4",
        agent("Once more", "five = four + one\nfive", answer="Now {{len(globals())}} names."),
        **BOTH,
    ),
    study(
        "told_of_what_was_undone",
        "the last step is undone after the answer that reads what it changed",
        "berths = {'A': 'Gull', 'B': 'Tern', 'C': None}",
        agent(
            "Who lies where?",
            "taken = {k: v for k, v in berths.items() if v}\ntaken",
            "berths.update(C='Auk', D='Skua')\nsorted(berths)",
            answer="{{len(berths)}} berths, {{len(taken)}} taken.",
        ),
        "%agent undo 1",
        agent("Count", "count = len(berths)\ncount", answer="{{count}} berths."),
        also=("berths",),
        **BOTH,
    ),
    study(
        "told_as_a_table",
        "a whole table stands in an answer, and the user changes it afterwards",
        "import pandas as pd\ntides = pd.DataFrame({'port': ['Brest', 'Cuxhaven|old', 'Ålesund'], 'high': [7.125, 3.3333, -1.05]})",
        agent(
            "Show the tides",
            "span = float(tides['high'].max() - tides['high'].min())\nspan",
            answer="The tides:\n\n{{tides.round(2).to_markdown(index=False)}}\n\nThey span {{span:.2f}} m.",
        ),
        "tides['high'] = tides['high'].abs()\ntides.loc[3] = ['Ostend', 4.5]",
        agent(
            "The highest",
            "top = tides.loc[tides['high'].idxmax(), 'port']\ntop",
            answer="**{{top}}**, of {{len(tides)}}.",
        ),
        also=("tides",),
        **BOTH,
    ),
    study(
        "told_draws",
        "an answer draws from the user's generator, which looking does not move; the next process draws, too",
        "import numpy as np\nrng = np.random.default_rng(20240)",
        agent(
            "Draw a sample",
            "sample = rng.normal(50, 9, size=30)\nsample.shape",
            answer="Its mean is {{sample.mean():.3f}}; the next number would be {{rng.integers(1000)}}.",
        ),
        agent("The next one", "following = int(rng.integers(1000))\nfollowing", answer="It is {{following}}."),
        also=("rng",),
        **BOTH,
    ),
    study(
        "told_pops",
        "expressions of an answer that would take things away, were they not looked at in a copy",
        "waiting = ['Ines', 'Juri', 'Kofi', 'Lena']\ntickets = iter(range(70, 99))",
        agent(
            "Who is next?",
            "served = waiting.pop(0)\nserved",
            answer="Next is {{waiting.pop(0)}}, then {{waiting.pop(0)}} with ticket {{next(tickets)}}; {{len(waiting)}} wait.",
        ),
        agent("And then?", "after = waiting[0], next(tickets)\nafter", answer="{{after[0]}} with {{after[1]}}."),
        also=("waiting",),
        **BOTH,
    ),
    study(
        "told_from_a_memmap",
        "a file mapped into memory: an answer reads it, one of its expressions would overwrite it, a step really does",
        f"import numpy as np\nnp.array({LEVELS}).tofile('levels.bin')\nmm = np.memmap('levels.bin', dtype='float64', mode='r+')",
        agent(
            "What is the mean?",
            "mean = float(mm.mean())\nmean",
            answer="The mean is {{mean:.3f}}, the highest {{mm.max():.2f}}. {{mm.fill(99)}}",
        ),
        agent(
            "Raise the first three",
            "mm[:3] += 1\nmm.flush()\nraised = np.fromfile('levels.bin')[:4].round(2).tolist()\nraised",
            answer="{{raised}}, in all {{mm.sum():.2f}}.",
        ),
        skip=("mm",),
        **BOTH,
    ),
    study(
        "told_in_formats",
        "percentages, dates, signs, widths, none, a float and a truth without a format; the user rebinds them",
        "import datetime as dt\nshare, balance, due, nobody = 0.07318, -20450.5, dt.date(2024, 2, 29), None",
        agent(
            "Sum it up",
            "ratio = share / 3\nratio",
            "paid = balance > 0\npaid",
            answer="{{share:.1%}} by {{due:%d %B %Y}}; balance {{balance:+,.2f}}, ratio {{ratio}}, paid: {{paid}}, by {{nobody}}.\n"
            "- `{{due.year:>6}}` is code, {{due.year}} is not\n- {{due.strftime('%H:%M')}} o'clock",
        ),
        "share, balance, due = 1.0, 0.0, dt.date(1999, 12, 31)",
        agent("Again", "late = due < dt.date(2000, 1, 1)\nlate", answer="{{share:.0%}}, late: {{late}}."),
        also=("share", "balance", "due"),
        **BOTH,
    ),
    study(
        "told_in_odd_words",
        "quotes, backslashes, braces, signs and code in an answer's words and in its expressions",
        'paths = {"C:\\\\new\\\\table": 3, "it\'s {here}": 4, \'say "hi"\': 5}',
        agent(
            "Which is longest?",
            "longest = max(paths, key=len)\nlongest",
            answer='It\'s "{{longest}}" \\ {{sorted(paths, key=lambda p: -paths[p])[0]}} — {set}, 100 % of {{len(paths)}} 🎈\n\n'
            "```python\nx = '{{len(paths)}}'\n```\n\n{{'\\n'.join(sorted(paths))}}\n\nand {{{v: k for k, v in paths.items()}[4]}}",
        ),
        LOOK,
        user("paths.clear()"),
        also=("paths",),
    ),
)
