"""A number is proven only of the row, column and rank that are told: other labels, levels, months and totals are not it."""

import pytest

from llmos_nb.process.evidence import GREEN, Seen, mark, proven
from llmos_nb.process.evidence.results import read

HARVEST = Seen(
    "r1.0",
    "h = fields.pivot_table(index=['farm', 'crop'], columns='quality', values='tons')\nh",
    "quality      good  poor\nfarm  crop             \nHill  oats   61.0  14.0\n      wheat  83.0  22.0\n"
    "Lake  oats   57.0  31.0\n      wheat  95.0  18.0",
)
SHARES = Seen(
    "r1.0",
    "v.groupby(['party', 'sex']).yes.mean()",
    "party  sex   \nGreen  Female    0.71\n       Male      0.58\nBlue   Female    0.49\n       Male      0.44\n"
    "Name: yes, dtype: float64",
)
FLOW = Seen(
    "r1.0",
    "river.groupby(river.index.month).flow.mean().round(1)",
    "1     41.3\n2     44.9\n3     58.2\n4     73.6\n5     69.4\n6     52.8\nName: flow, dtype: float64",
)
BIKES = Seen(
    "r1.0",
    "trips.groupby('Month').agg(rides=('id', 'size'), med=('km', 'median'))",
    "       rides   med\nMonth             \n4       3120  5.25\n5       4870  6.75",
)
GDP = Seen(
    "r1.0",
    "g.resample('YE').agg(['sum', 'max'])",
    "               sum   max\ndate                    \n2016-12-31  8210.0  91.4\n2017-12-31  8467.0  88.2\n"
    "2018-12-31  8390.0  97.6",
)
SLOW = Seen(
    "r1.0",
    "runs.nlargest(3, 'lag')",
    "     name   cpu  mem   lag\n4    Zeta  31.0  512  9.40\n0    Iota  47.0  256  8.85\n7  Lambda  29.0  768  8.10",
)
FALLS = Seen(
    "r1.0",
    "s['chg'] = s.sales.diff()\ns.nsmallest(3, 'chg')",
    "   year  sales    chg\n9  2015   6105 -412.0\n3  2009   7340 -305.0\n6  2012   7011  -88.0",
)
CORR = Seen(
    "r1.0",
    "soil.corr().round(2)",
    "          Acidity  Humus  Yields\nAcidity      1.00  -0.37   -0.54\nHumus       -0.37   1.00    0.62\n"
    "Yields      -0.54   0.62    1.00",
)
FOLDS = Seen("r1.0", "print(sc.round(3), 'mean', sc.mean().round(3))", "[0.712 0.764 0.731] mean 0.736")
CROSS = Seen(
    "r1.0",
    "pd.crosstab(p.ward, p.stay, margins=True)",
    "stay  long  short  All\nward                  \nEast    21     64   85\nWest    37     50   87\nAll     58    114  172",
)
DOSES = Seen(
    "r1.0",
    "t.groupby('dose')['days'].describe().round(2)",
    "      count  mean   std  min    25%   50%    75%   max\ndose                                                  \n"
    "P      15.0  8.41  2.06  4.0  7.125   8.5   9.75  13.0\nQ      15.0  6.37  1.92  3.0  5.125   6.5   7.50  10.0",
)
PRINTED = Seen(
    "r1.0",
    "print(f'before: n={a.size} mean={a.mean()}')\nprint(f'after:  n={b.size} mean={b.mean()}')",
    "before: n=31 mean=412.6\nafter:  n=45 mean=355.1",
)
MISSING = Seen("r1.0", "df.level.isna().sum(), len(df)", "(np.int64(17), 5213)")
SURVEY = Seen(
    "r1.0",
    "pd.crosstab(s.sport, s.sleep)",
    "sleep  bad  good\nsport           \noften   11    52\nnever   27    19",
)
SIZES = Seen(
    "r1.0",
    "k.groupby('sex')[['height', 'pulse']].agg(['mean', 'max'])",
    "       height        pulse      \n         mean    max  mean   max\nsex                             \n"
    "Female  164.9  179.2  75.8  98.0\nMale    177.3  196.1  71.4  99.0",
)
CITIES = Seen(
    "r1.0",
    "c.set_index('city')[['rain', 'sun']]",
    "         rain   sun\ncity               \nOslo    763.2  1668\nParis   637.4  1662\nRome    799.1  2473",
)
HEAT = Seen(
    "r1.0",
    "h.loc[[2003, 2018], ['JAN', 'JUL']]",
    "        JAN    JUL\nYEAR              \n2003  -0.44  20.31\n2018   2.86  19.77",
)
SHOWERS = Seen(
    "r1.0",
    "w.nlargest(2, 'rain')",
    "    rain  Month  Day\n41  58.3      6   14\n77  51.9      8    3",
)
FERRY = Seen(
    "r1.0",
    "f.pivot(index='year', columns='month', values='cars')",
    "month     5     6     7\nyear                   \n1996   2140  2965  4310\n1997   2275  3120  4655",
)
PLAYS = Seen(
    "r1.0",
    "p.nlargest(2, 'seats')",
    "      title  year  seats\n3   Thunder  1961  48215\n8  Overcast  1987  39760",
)
GROWTH = Seen(
    "r1.0",
    "t.pivot_table(index='dose', columns='feed', values='cm')",
    "feed   hay  oats\ndose            \n1.5   12.4  15.9\n3.0   17.8  21.3",
)
RISK = Seen(
    "r1.0",
    "r['per100'] = 100 * r.ill / r.well",
    "       ill  well  per100\ntea                     \nmint    18    75    24.0\nsage    62   124    50.0",
)


def marks(answer, *seen, goal=""):
    return [(m.claim.text, m.mark) for m in mark(answer, goal, seen)]


@pytest.mark.parametrize(
    ("seen", "answer", "text"),
    [
        (HARVEST, "On the Lake farm 57.0 tons of the oats were good.", "57.0"),
        (HARVEST, "At Hill 83.0 tons of wheat were good, against 14.0 tons of poor oats.", "14.0"),
        (SHARES, "In Green 71 % of the women said yes, against 58 % of the men.", "58 %"),
        (FLOW, "The flow peaks in April (73.6) and is lowest in January (41.3).", "41.3"),
        (BIKES, "In April the median was 5.25 km, in May 6.75 km.", "6.75"),
        (GDP, "In 2017 the sum was 8467.0.", "8467.0"),
        (SLOW, "The runner-up is Iota.", "Iota"),
        (FALLS, "The largest drop came in 2015 (−412).", "−412"),
        (FALLS, "The largest drop came in 2015 (−412).", "2015"),
        (FALLS, "In 2009 they sold 305 less.", "305"),
        (CORR, "Yields fall with acidity (r = −0.54) and rise with humus (r = 0.62).", "0.62"),
        (FOLDS, "The best fold has 0.764.", "0.764"),
        (CROSS, "There are 172 patients in all.", "172"),
        (CROSS, "East has 85 patients in all.", "85"),
        (DOSES, "P and Q took 8.41 and 6.37 days on average.", "6.37"),
        (DOSES, "Each was given to 15 people.", "15"),
        (PRINTED, "Before it the mean was 412.6, after it 355.1: a drop of 57.5, or 13.9 %.", "57.5"),
        (PRINTED, "Before it the mean was 412.6, after it 355.1: a drop of 57.5, or 13.9 %.", "13.9 %"),
        (MISSING, "It rests on 5,213 rows, of which some have gaps.", "5,213"),
        (SIZES, "Men are 12.4 cm taller than women; their mean pulse is 71.4.", "12.4"),
        (SIZES, "Men are 12.4 cm taller than women; their mean pulse is 71.4.", "71.4"),
        (CITIES, "Most rain fell in Rome with 799.1, ahead of Oslo (763.2).", "763.2"),
        (HEAT, "July 2003 reached 20.31.", "July 2003"),
        (SHOWERS, "The peak of 58.3 came on the 14th of June.", "14th of June"),
        (RISK, "Per 100 it is 24.0 with mint and 50.0 with sage.", "24.0"),
        (FERRY, "In July 1997 there were 4655 cars.", "July 1997"),
        (FERRY, "In July 1997 there were 4655 cars.", "4655"),
        (PLAYS, "Thunder (1961) had 48,215 seats.", "1961"),
        (GROWTH, "With hay it grows from 12.4 (dose 1.5) to 17.8 (dose 3.0).", "17.8"),
        (GROWTH, "At dose 3.0 it is 21.3 with oats, against 17.8 with hay.", "17.8"),
        (SURVEY, "Of those who do sport often, 11 of 63 sleep badly, that is 17.5 %.", "17.5 %"),
    ],
)  # fmt: skip
def test_a_number_of_the_row_and_column_that_are_told_is_proven(seen, answer, text):
    assert [kind for said, kind in marks(answer, seen) if said == text][-1] in GREEN


@pytest.mark.parametrize(
    ("seen", "answer", "text"),
    [
        (HARVEST, "On the Lake farm 61.0 tons of the oats were good.", "61.0"),  # at Hill
        (HARVEST, "At Hill 83.0 tons of wheat were good, against 31.0 tons of poor oats.", "31.0"),  # at Lake
        (SHARES, "In Green 71 % of the women said yes, against 44 % of the men.", "44 %"),  # in Blue
        (SHARES, "In Blue it was 44 % of the women.", "44 %"),
        (FLOW, "The flow peaks in April (73.6) and is lowest in February (41.3).", "41.3"),
        (BIKES, "4870 rides were made in May, where the median was 5.25 km.", "5.25"),
        (GDP, "In 2017 the sum was 8390.0.", "8390.0"),
        (GDP, "The richest quarter of all, with 97.6, came in 2016.", "2016"),
        (SLOW, "The runner-up is Lambda.", "Lambda"),  # second highest of cpu and mem
        (FALLS, "The largest drop came in 2012 (−88).", "2012"),
        (FALLS, "In 2012 they sold 305 less.", "305"),
        (CORR, "Yields fall with acidity (r = −0.54) and rise with humus (r = −0.37).", "−0.37"),
        (CORR, "Humus alone explains 62 % of the variance of the yields.", "62 %"),  # a correlation is no share
        (FOLDS, "The best fold has 0.731.", "0.731"),
        (CROSS, "In East there are 172 patients.", "172"),
        (CROSS, "Of the 172 in East 64 had a short stay.", "172"),
        (DOSES, "P and Q took 6.37 and 8.41 days on average.", "8.41"),
        (DOSES, "Q took 6.5 days on average.", "6.5"),  # the median
        (PRINTED, "Before it the mean was 412.6, after it 355.1: a rise of 57.5.", "57.5"),
        (MISSING, "It rests on 5,213 rows without gaps.", "5,213"),
        (SIZES, "Men are 12.4 cm taller than women; their mean pulse is 75.8.", "75.8"),
        (CITIES, "Most rain fell in Rome with 799.1, ahead of Oslo (1668).", "1668"),  # of sun
        (HEAT, "March 2003 reached 20.31.", "March 2003"),
        (SHOWERS, "The peak of 58.3 came on the 3rd of June.", "3rd of June"),
        (RISK, "Per 100 it is 50.0 with sage. So 50.0 % of its drinkers are ill.", "50.0 %"),
        (FERRY, "In August 1997 there were 4655 cars.", "August 1997"),
        (FERRY, "In June 1997 there were 4655 cars.", "4655"),
        (PLAYS, "Thunder (1987) had 48,215 seats.", "1987"),
        (GROWTH, "With hay it grows from 12.4 (dose 1.5) to 12.4 (dose 3.0).", "12.4"),
        (GROWTH, "At dose 3.0 it is 21.3 with oats, against 15.9 with hay.", "15.9"),
        (SURVEY, "Among those who never do sport it is 19 %.", "19 %"),  # a count
    ],
)  # fmt: skip
def test_the_number_of_another_row_column_or_rank_is_not_proven(seen, answer, text):
    found = mark(answer, "", [seen])
    assert [m.mark for m in found if m.claim.text == text][-1] not in GREEN and not proven(found)


def test_lines_of_words_over_a_table_are_no_names_of_columns():
    shown = "accuracy 0.913\n      no  yes\nno    88    7\nyes   11   64"
    found = dict(marks("The accuracy is 0.913.", Seen("r1.0", "", shown)))
    assert found == {"0.913": "row"}


def test_an_index_of_several_levels_over_a_series_has_each_of_its_labels():
    assert [kind for _, kind in marks("In Blue 49 % of the women said yes.", SHARES)] == ["row", "derived"]


EXPORTS = Seen(
    "r1.0", "t.set_index('land')", "       beans\nland        \nPeru    12.5\nKenya    7.9\nJava     9.1"
)
WARDS = Seen(
    "r1.0",
    "w.set_index('ward')",
    "       beds  taken\nward              \nNorth    48     42\nSouth    40     38",
)
EDGES = Seen(
    "r1.0",
    "print(n.sizes(), 'edges:', n.m, 'density:', n.d)",
    "{'Ann': 17, 'Ben': 17} edges: 78 density: 0.139",
)
FOLDS = Seen(
    "r1.0",
    "for k in ks: print(...)",
    "k=2  silhouette=0.552  inertia=10576\nk=3  silhouette=0.699  inertia=3181\nk=4  silhouette=0.691  inertia=1415",
)
WOOL = Seen("r1.0", "g", "      mean  count\nwool             \nA    31.04     27\nB    25.26     24")


METERS = Seen(
    "r1.0",
    "print(meters.head(2)); print(meters.groupby('house').kw.agg(['count', 'mean'])); houses",
    "  house     kw\n0   H01  0.558\n1   H01  0.345\n       count   mean\nhouse              \nH01     2712  0.490\n"
    "H05     2795  547.742\n  house     tariff  persons\n0   H01       flat        1\n1   H05  day-night        2\n"
    "2   H06       flat        5",
)


def test_tables_printed_one_behind_the_other_are_tables_of_their_own():
    assert [t.columns for t in read("r1.0", METERS.result)] == [
        ("house", "kw"), ("count", "mean"), ("house", "tariff", "persons")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "goal", "seen", "claim"),
    [
        ("H05 has a mean of 547.7 kW.", "", METERS, "547.7"),
        ("The house H06 has 5 persons.", "", METERS, "5"),
        ("The three lands send 29.5 million bags.", "Who sends beans (million bags)?", EXPORTS, "29.5"),
        ("The network has 78 edges and a density of 0.139.", "", EDGES, "78"),
        ("The network has 78 edges and a density of 0.139.", "", EDGES, "0.139"),
        ("k = 4 has an inertia of 1,415.", "", FOLDS, "1,415"),
        ("The 24 looms of the other kind broke 25.26 times.", "", WOOL, "24"),
        ("Per loom, wool A broke 31.04 times.", "", WOOL, "A"),
    ],
)
def test_what_the_words_and_numbers_around_a_number_point_to_is_proven(answer, goal, seen, claim):
    assert dict(marks(answer, seen, goal=goal))[claim] in GREEN


@pytest.mark.parametrize(
    ("answer", "goal", "seen", "claim"),
    [
        ("In North 42 % are taken.", "How full are the wards?", WARDS, "42 %"),  # a count: 87.5 %
        ("Kenya sends 9.1 million bags.", "Who sends beans (million bags)?", EXPORTS, "9.1"),
        ("The network has 17 edges.", "", EDGES, "17"),
        ("k = 4 has an inertia of 3,181.", "", FOLDS, "3,181"),
        ("k = 3 has a silhouette of 0.691.", "", FOLDS, "0.691"),
        ("The 5 cellars of H06 are cold.", "", METERS, "5"),
    ],
)
def test_what_they_point_away_from_is_not_proven(answer, goal, seen, claim):
    assert dict(marks(answer, seen, goal=goal))[claim] not in GREEN


def test_an_article_is_no_row_that_is_called_a():
    assert [text for text, _ in marks("A loom of wool B broke 25.26 times.", WOOL)] == ["B", "25.26"]


def test_codes_that_are_shown_as_floats_are_called_by_whole_numbers():
    shown = "vote  0.0  1.0  All\nclub               \n1.0    41   17   58\n2.0    23   36   59\nAll    64   53  117"
    (table,) = read("r1.0", shown)
    assert table.columns == ("0", "1", "All") and [r.labels[0] for r in table.rows] == ["1", "2", "All"]
