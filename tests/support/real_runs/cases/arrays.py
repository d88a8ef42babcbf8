"""Arrays: numpy and scipy, after their docstrings."""

from real_runs.scenario import agent, study

NUMPY = "import numpy as np"

ARRAYS = (
    study(
        "numpy_views",
        "numpy: a view that is written through, a copy that is not",
        "import numpy as np\ngrid = np.arange(12).reshape(3, 4)\nrow = grid[1]\nkept = grid[1].copy()",
        agent(
            "Scale the middle row",
            "row *= 10\ngrid.tolist()",
            "grid[:, 0] = -1\nsums = (int(row.sum()), int(kept.sum()))\nsums",
        ),
        also=("grid", "kept"),
    ),
    study(
        "numpy_linear_algebra",
        "numpy: a system solved, eigenvalues, a norm",
        NUMPY,
        "a = np.array([[3.0, 1.0], [1.0, 2.0]])\nb = np.array([9.0, 8.0])",
        agent(
            "Solve it",
            "x = np.linalg.solve(a, b)\nx",
            "values, vectors = np.linalg.eigh(a)\nvalues.round(6)",
            "check = np.allclose(a @ x, b), float(np.linalg.norm(b))\ncheck",
        ),
    ),
    study(
        "numpy_masked",
        "numpy: masked arrays and where",
        NUMPY,
        "raw = np.array([1.0, -999.0, 3.0, -999.0, 5.0])",
        agent(
            "Leave out the gaps",
            "clean = np.ma.masked_equal(raw, -999.0)\nclean",
            "mean = float(clean.mean())\nmean",
            "signs = np.where(raw < 0, 'gap', 'ok')\nsigns",
        ),
    ),
    study(
        "numpy_structured",
        "numpy: records with fields, sorted by two of them",
        NUMPY,
        "people = np.array([('Ada', 36, 1.6), ('Bo', 22, 1.8), ('Cy', 22, 1.7)], dtype=[('name', 'U10'), ('age', 'i4'), ('m', 'f8')])",
        agent(
            "Sort them",
            "ordered = np.sort(people, order=['age', 'm'])\nordered['name']",
            "people['age'] += 1\nolder = people['age'].mean()\nolder",
        ),
        also=("people",),
    ),
    study(
        "numpy_shapes",
        "numpy: broadcasting, einsum, stacking and a fold",
        NUMPY,
        "left, right = np.arange(3), np.arange(6).reshape(3, 2)",
        agent(
            "Combine them",
            "outer = left[:, None] * np.ones(4)\nouter.shape",
            "product = np.einsum('i,ij->j', left, right)\nproduct",
            "stacked = np.vstack([right, right[::-1]])\nunique, counts = np.unique(stacked % 3, return_counts=True)\ncounts",
        ),
    ),
    study(
        "numpy_spectrum",
        "numpy: a Fourier transform finds two frequencies",
        NUMPY,
        "t = np.linspace(0, 1, 64, endpoint=False)\nsignal = np.sin(2 * np.pi * 5 * t) + 0.5 * np.sin(2 * np.pi * 12 * t)",
        agent(
            "Which frequencies?",
            "spectrum = np.abs(np.fft.rfft(signal)).round(8)\nspectrum.shape",
            "peaks = np.sort(np.argsort(spectrum)[-2:])\npeaks",
        ),
    ),
    study(
        "numpy_dates",
        "numpy: dates, business days and differences",
        NUMPY,
        "start = np.datetime64('2024-02-26')",
        agent(
            "Count the working days",
            "days = np.arange(start, start + np.timedelta64(7, 'D'))\ndays",
            "busy = np.is_busday(days)\nint(busy.sum())",
            "due = np.busday_offset('2024-02-28', 5)\ndue",
        ),
    ),
    study(
        "numpy_polynomial",
        "numpy: a polynomial fitted and its roots",
        "import numpy as np\nfrom numpy.polynomial import Polynomial\nxs = np.arange(6.0)\nys = 2 * xs**2 - 3 * xs + 1",
        agent(
            "Fit it",
            "fit = Polynomial.fit(xs, ys, 2)\ncoef = fit.convert().coef.round(6)\ncoef",
            "roots = np.sort(Polynomial(coef).roots().real).round(6)\nroots",
        ),
    ),
    study(
        "scipy_optimize",
        "scipy: a minimum found and a curve fitted",
        "import numpy as np\nfrom scipy import optimize\ndef rosen(p):\n    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2",
        agent(
            "Find the minimum",
            "found = optimize.minimize(rosen, [-1.0, 2.0], method='BFGS')\nfound.success, found.x.round(3)",
            "xs = np.linspace(0, 4, 20)\npopt, _ = optimize.curve_fit(lambda x, a, k: a * np.exp(-k * x), xs, 2.5 * np.exp(-1.3 * xs))\npopt.round(4)",
        ),
        skip=("found",),
    ),
    study(
        "scipy_stats",
        "scipy: two samples tested, a distribution asked",
        "from scipy import stats\nold = [5.1, 4.9, 5.6, 5.8, 5.0]\nnew = [5.9, 6.1, 5.7, 6.3, 6.0]",
        agent(
            "Is the new one higher?",
            "test = stats.ttest_ind(old, new)\nround(float(test.pvalue), 6)",
            "tail = float(stats.norm.sf(1.96))\ntail",
        ),
    ),
    study(
        "scipy_sparse",
        "scipy: a sparse matrix and a path through a graph",
        "from scipy.sparse import csr_array\nfrom scipy.sparse.csgraph import shortest_path\nedges = csr_array([[0, 1, 4], [0, 0, 2], [0, 0, 0]])",
        agent(
            "How far is it?",
            "far = shortest_path(edges)\nfar",
            "doubled = edges * 2\ndoubled.nnz, float(doubled.sum())",
        ),
    ),
)
