"""Fitted models and figures: scikit-learn and matplotlib, after their galleries."""

from real_runs.scenario import agent, study

IRIS = "from sklearn.datasets import load_iris\niris = load_iris()\nX, y = iris.data, iris.target"
PLOT = "import matplotlib.pyplot as plt\nimport numpy as np"

MODELS = (
    study(
        "sklearn_linear",
        "scikit-learn: a line fitted, its slope and score",
        "import numpy as np\nX = np.arange(20.0).reshape(-1, 1)\ny = 3 * X[:, 0] + 1 + np.sin(X[:, 0])",
        agent(
            "Fit it",
            "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression().fit(X, y)\nmodel.coef_.round(6)",
            "slope, score = float(model.coef_[0]), model.score(X, y)\nround(slope, 6), round(score, 6)",
        ),
    ),
    study(
        "sklearn_pipeline",
        "scikit-learn: a pipeline that scales and classifies",
        IRIS,
        agent(
            "Classify by a pipeline",
            "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler\nfrom sklearn.linear_model import LogisticRegression\n"
            "pipe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X, y)\nround(pipe.score(X, y), 4)",
            "guess = iris.target_names[pipe.predict(X[[0, 75, 149]])]\nguess",
        ),
        skip=("pipe",),
    ),
    study(
        "sklearn_split_unseeded",
        "scikit-learn: a split and a forest that nobody seeded",
        IRIS,
        agent(
            "Split, fit, score",
            "from sklearn.model_selection import train_test_split\nXa, Xb, ya, yb = train_test_split(X, y, test_size=0.4)\nXb.shape, int(yb.sum())",
            "from sklearn.ensemble import RandomForestClassifier\nforest = RandomForestClassifier(n_estimators=5, max_depth=2).fit(Xa, ya)\n"
            "importance = [round(float(v), 6) for v in forest.feature_importances_]\nimportance",
        ),
        skip=("forest",),
    ),
    study(
        "sklearn_clusters",
        "scikit-learn: clusters with a seed of their own",
        "import numpy as np\nfrom sklearn.cluster import KMeans\npoints = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])",
        agent(
            "Find two clusters",
            "means = KMeans(n_clusters=2, n_init=3, random_state=0).fit(points)\nmeans.labels_",
            "centres = means.cluster_centers_[np.argsort(means.cluster_centers_[:, 0])]\ncentres",
        ),
        skip=("means",),
    ),
    study(
        "sklearn_components",
        "scikit-learn: principal components and what they explain",
        IRIS,
        agent(
            "Two components",
            "from sklearn.decomposition import PCA\npca = PCA(n_components=2, svd_solver='full')\nflat = pca.fit_transform(X)\nflat.shape",
            "ratio = pca.explained_variance_ratio_.round(6)\nratio",
        ),
    ),
    study(
        "sklearn_search",
        "scikit-learn: a small grid searched by cross-validation",
        IRIS,
        agent(
            "Which depth?",
            "from sklearn.model_selection import GridSearchCV\nfrom sklearn.tree import DecisionTreeClassifier\n"
            "search = GridSearchCV(DecisionTreeClassifier(random_state=1), {'max_depth': [1, 2, 3]}, cv=3).fit(X, y)\nsearch.best_params_",
            "scores = search.cv_results_['mean_test_score'].round(6)\nscores",
        ),
        skip=("search",),
    ),
    study(
        "sklearn_words",
        "scikit-learn: words counted and weighed",
        "texts = ['the cat sat', 'the dog sat', 'a bird flew over the dog']",
        agent(
            "Weigh the words",
            "from sklearn.feature_extraction.text import TfidfVectorizer\nvectors = TfidfVectorizer()\nweights = vectors.fit_transform(texts)\nweights.shape",
            "vocabulary = sorted(vectors.vocabulary_)\nvocabulary",
        ),
    ),
    study(
        "sklearn_refit",
        "scikit-learn: the user's model, fitted again in place by two processes",
        "import numpy as np\nfrom sklearn.linear_model import Ridge\nmodel = Ridge(alpha=1.0)\nX = np.eye(3)\ny = np.array([1.0, 2.0, 3.0])",
        agent("Fit", "first = model.fit(X, y).coef_.copy()\nfirst"),
        "model.set_params(alpha=0.1)",
        agent("Fit again", "second = model.fit(X, y).coef_.copy()\nsecond"),
        also=("model",),
    ),
)
PLOTS = (
    study(
        "plot_line",
        "matplotlib: a line, its title and its lowest point",
        PLOT,
        "x = np.linspace(-2, 2, 41)",
        agent(
            "Plot a parabola",
            "fig, ax = plt.subplots(figsize=(4, 3))\nax.plot(x, x**2)\nax.set_title('a parabola')\nplt.show()",
            "lowest = float((x**2).min())\nlowest",
        ),
    ),
    study(
        "plot_with_a_new_cache",
        "matplotlib: the first plot on a machine, which writes the library's cache",
        "import os, tempfile\nos.environ['MPLCONFIGDIR'] = tempfile.mkdtemp()",
        "import matplotlib.pyplot as plt",
        agent(
            "Plot it",
            "bars = plt.bar(['a', 'b'], [1, 3])\nheights = [b.get_height() for b in bars]\nheights",
            "most = max(heights)\nmost",
        ),
        skip=("bars",),
    ),
    study(
        "plot_over_cells",
        "matplotlib: a figure begun by the user and finished by the process",
        PLOT,
        "fig, (left, right) = plt.subplots(1, 2, figsize=(5, 2))\nleft.bar(['a', 'b'], [1, 2])",
        agent(
            "Finish the figure",
            "curve = np.sin(np.linspace(0, 6, 25))\nright.plot(curve)\nright.set_ylabel('sin')\nfig",
            "top = round(float(curve.max()), 6)\nprint('top', top)\ntop",
        ),
    ),
    study(
        "plot_histogram_unseeded",
        "matplotlib: a histogram of draws that nobody seeded",
        PLOT,
        agent(
            "Plot the spread",
            "sample = np.random.normal(size=300)\nplt.hist(sample, bins=20)\nplt.show()",
            "spread = float(sample.std())\nspread",
        ),
    ),
    study(
        "plot_saved",
        "matplotlib: a picture saved and measured with Pillow",
        PLOT,
        agent(
            "Save and measure",
            "figure = plt.figure(figsize=(2, 1), dpi=50)\nplt.fill_between([0, 1], [0, 1])\nfigure.savefig('area.png')\nplt.close(figure)\nsaved = 'area.png'\nsaved",
            "from PIL import Image\nwith Image.open('area.png') as picture:\n    size = picture.size\nsize",
        ),
        skip=("figure", "picture"),
    ),
    study(
        "plot_pandas",
        "pandas draws; settings of matplotlib changed by the user",
        "import pandas as pd\nimport matplotlib.pyplot as plt\nplt.rcParams['figure.figsize'] = (3, 2)\ndf = pd.DataFrame({'a': [1, 3, 2], 'b': [3, 1, 2]})",
        agent(
            "Draw it",
            "axes = df.plot.bar()\nplt.show()\nwidths = [round(p.get_width(), 3) for p in axes.patches]\nwidths",
            "size = plt.rcParams['figure.figsize']\nsize",
        ),
    ),
    study(
        "pillow_drawing",
        "Pillow: a picture drawn and measured",
        "from PIL import Image, ImageDraw",
        agent(
            "How bright is it?",
            "picture = Image.new('RGB', (80, 60), 'navy')\nImageDraw.Draw(picture).rectangle((20, 15, 60, 45), fill='orange')\npicture.size",
            "bright = sum(picture.convert('L').histogram()[100:])\nbright",
        ),
    ),
)
