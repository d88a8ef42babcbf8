"""The functions that are known by name: which ones write files, reach the network, end processes, change nothing."""

from __future__ import annotations

import re

ASKS = frozenset(("file", "deletion", "process", "network", "exec", "not undoable", "environment", "magic"))
KINDS = (*sorted(ASKS), "foreign file", "import", "syntax")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPENERS = _words("""open io.open _io.open codecs.open gzip.open bz2.open lzma.open zipfile.ZipFile tarfile.open
    h5py.File""")  # fmt: skip
_ROOTS = {
    "network": """requests urllib.request urllib3 http.client http.server socket socketserver ssl ftplib smtplib imaplib
        poplib telnetlib xmlrpc httpx httpx2 aiohttp websockets websocket paramiko boto3 botocore google.cloud azure
        psycopg psycopg2 pymysql mysql redis pymongo kafka pika slack_sdk stripe twilio sendgrid openai anthropic grpc
        huggingface_hub wandb asyncio.open_connection asyncio.start_server seaborn.load_dataset
        sklearn.datasets.fetch_openml webbrowser""",
    "process": """subprocess pty pexpect multiprocessing concurrent.futures.ProcessPoolExecutor os.system os.popen
        os.startfile os.fork os.forkpty os.kill os.killpg os._exit os.abort os.posix_spawn os.posix_spawnp
        asyncio.create_subprocess_exec asyncio.create_subprocess_shell sys.exit exit quit""",
    "deletion": "os.remove os.unlink os.rmdir os.removedirs shutil.rmtree send2trash",
    "file": """os.rename os.renames os.replace os.link os.symlink os.truncate os.mkdir os.makedirs os.chmod os.chown
        os.open shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.move shutil.make_archive
        shutil.unpack_archive shutil.chown pathlib.Path.rename pathlib.Path.replace numpy.save numpy.savez
        numpy.savez_compressed numpy.savetxt torch.save joblib.dump shelve.open imageio.imwrite cv2.imwrite
        tempfile.NamedTemporaryFile tempfile.mkstemp tempfile.mkdtemp logging.FileHandler""",
    "exec": """exec eval compile __import__ importlib runpy code.interact ctypes cffi pickle.load pickle.loads
        pickle.Unpickler marshal.loads dill.load dill.loads cloudpickle.load cloudpickle.loads joblib.load torch.load
        pandas.read_pickle builtins types.FunctionType types.CodeType gc.get_objects gc.get_referrers""",
    "environment": """os.chdir os.putenv os.unsetenv os.umask os.setuid os.setgid signal faulthandler sys.settrace
        sys.setprofile sys.setrecursionlimit sys.addaudithook resource.setrlimit locale.setlocale
        os.environ.update os.environ.pop os.environ.setdefault os.environ.clear sys.path.append sys.path.insert""",
    "not undoable": """threading.Thread threading.Timer _thread concurrent.futures.ThreadPoolExecutor atexit
        asyncio.create_task asyncio.ensure_future asyncio.to_thread sys.stdout.close sys.stderr.close""",
}  # fmt: skip
ROOTS = {name: kind for kind, names in _ROOTS.items() for name in names.split()}
SPAWN = re.compile(r"os\.(spawn|exec)[lv]p?e?$")
_METHODS = {
    "deletion": "unlink rmdir rmtree drop_table drop_database drop_collection delete_one delete_many delete_object",
    "file": """savefig write_text write_bytes touch mkdir symlink_to hardlink_to extractall tofile write_image
        write_html save_model save_pretrained to_sql""",
    "exec": "read_pickle",
    "not undoable": "commit executemany start_new_thread run_in_executor",
}  # fmt: skip
METHODS = {name: kind for kind, names in _METHODS.items() for name in names.split()}
# These give a text where they get no path, and write a file where they get one.
WRITERS = _words("""to_csv to_parquet to_excel to_json to_feather to_hdf to_pickle to_stata to_html to_latex
    to_markdown to_xml to_orc to_string to_file to_netcdf to_zarr write_csv write_parquet write_json write_excel
    write_ipc write_ndjson write_avro sink_csv sink_parquet""")  # fmt: skip
PATHS = (
    "path", "path_or_buf", "path_or_buffer", "path_or_handle", "buf", "excel_writer", "file", "fname", "filename",
    "store",
)  # fmt: skip
READERS = re.compile(
    r"(read_(csv|table|excel|json|parquet|feather|hdf|orc|xml|html|fwf|sas|spss|stata|sql\w*|ipc|ndjson|avro)"
    r"|read_(text|bytes)|scan_\w+|loadtxt|genfromtxt|imread|load_workbook|open_dataset)$"
)
SQL = re.compile(
    r"(?is)\s*(?:/\*.*?\*/|--[^\n]*\n|\s)*(drop|delete|truncate|alter|insert|update|create|replace|merge|grant|copy)\b"
)
DELETES = ("drop", "delete", "truncate")
SQL_METHODS = _words("execute executescript sql query run_query exec_driver_sql read_sql")
DELETING_COMMANDS = re.compile(r"(^|[;&|]\s*)\s*(sudo\s+)?(rm|rmdir|del|unlink|shred|dd|mkfs\S*)\b")
REFLECTION = _words("""__globals__ __builtins__ __subclasses__ __bases__ __mro__ __code__ __closure__ __dict__
    __getattribute__ __loader__ __import__ f_globals f_locals f_back gi_frame""")  # fmt: skip
MUTATORS = _words("""append extend insert remove pop clear sort reverse update add discard setdefault popitem
    difference_update intersection_update symmetric_difference_update appendleft popleft extendleft rotate fill put
    itemset resize partial_fit fit fit_transform fit_predict setflags register_buffer step backward seed shuffle send
    close write writelines __setitem__ __setattr__ __delitem__ set_axis_off""")  # fmt: skip
HARMLESS = _words("""abs all any ascii bin bool bytes chr complex dict divmod enumerate filter float format frozenset
    hash hex id int isinstance issubclass iter len list map max min oct ord pow print range repr reversed round set
    slice sorted str sum tuple type zip display""")  # fmt: skip
HARMLESS_METHODS = _words("""abs agg aggregate all any argmax argmin astype between clip copy corr count cov cummax
    cummin cumprod cumsum describe diff drop_duplicates dropna duplicated eq equals explode fillna filter first ge get
    groupby gt head idxmax idxmin info interpolate isin isna isnull item items join keys last le len lower lstrip lt
    max mean median melt memory_usage merge min mode mul ne nlargest notna notnull nsmallest nunique pct_change pivot
    pivot_table prod quantile query rank reindex rename replace resample reset_index rolling round rstrip sample
    select_dtypes sem set_index shift size skew sort_index sort_values split startswith endswith std strip sub sum
    tail title to_dict to_list to_numpy tolist to_string transform transpose unique unstack stack upper value_counts
    values var where month_name day_name contains cut qcut crosstab array arange linspace zeros ones sqrt log exp
    DataFrame Series to_datetime to_numeric concat Timestamp date_range search_sorted index find casefold format zfill
    center isdigit isalpha""")  # fmt: skip
