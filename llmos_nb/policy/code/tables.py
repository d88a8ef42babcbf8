"""The functions that are known by name: which ones write files, reach the network, end processes, change nothing."""

from __future__ import annotations

import re

ASKS = frozenset((
    "file", "deletion", "process", "network", "native", "unread", "not undoable", "environment", "magic",
))  # fmt: skip
KINDS = (*sorted(ASKS), "exec", "foreign file", "import", "syntax")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPENERS = _words("""open io.open _io.open codecs.open gzip.open bz2.open lzma.open zipfile.ZipFile tarfile.open
    compression.gzip.open compression.bz2.open compression.lzma.open compression.zstd.open h5py.File
    scipy.io.FortranFile scipy.io.netcdf_file""")  # fmt: skip
_ROOTS = {
    "network": """requests urllib.request urllib3 http.client http.server socket _socket socketserver ssl ftplib smtplib
        imaplib poplib telnetlib xmlrpc httpx httpx2 aiohttp websockets websocket paramiko boto3 botocore google.cloud
        azure psycopg psycopg2 pymysql mysql redis pymongo kafka pika slack_sdk stripe twilio sendgrid openai anthropic
        grpc huggingface_hub wandb jupyter_client zmq nanomsg pynng pycurl asyncio.open_connection asyncio.start_server
        seaborn.load_dataset
        sklearn.datasets.fetch_openml sklearn.datasets.fetch_20newsgroups sklearn.datasets.fetch_20newsgroups_vectorized
        sklearn.datasets.fetch_lfw_people sklearn.datasets.fetch_lfw_pairs sklearn.datasets.fetch_california_housing
        sklearn.datasets.fetch_species_distributions sklearn.datasets.fetch_covtype sklearn.datasets.fetch_kddcup99
        sklearn.datasets.fetch_olivetti_faces sklearn.datasets.fetch_rcv1 sklearn.datasets.fetch_file webbrowser""",
    "process": """subprocess pty pexpect multiprocessing concurrent.futures.ProcessPoolExecutor os.system os.popen
        tkinter _tkinter turtle
        os.startfile os.fork os.forkpty os.kill os.killpg os._exit os.abort os.posix_spawn os.posix_spawnp
        signal.raise_signal signal.pthread_kill signal.pidfd_send_signal
        asyncio.create_subprocess_exec asyncio.create_subprocess_shell sys.exit exit quit""",
    "deletion": "os.remove os.unlink os.rmdir os.removedirs shutil.rmtree send2trash",
    "file": """os.rename os.renames os.replace os.link os.symlink os.truncate os.mkdir os.makedirs os.chmod os.chown
        os.open shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.move shutil.make_archive
        shutil.unpack_archive shutil.chown pathlib.Path.rename pathlib.Path.replace
        pathlib.Path.copy pathlib.Path.copy_into pathlib.Path.move pathlib.Path.move_into numpy.save numpy.savez
        numpy.savez_compressed numpy.savetxt joblib.Memory scipy.io.savemat scipy.io.hb_write scipy.io.mmwrite
        scipy.sparse.save_npz scipy.io.wavfile.write torch.save joblib.dump
        sklearn.utils.validation.check_memory shelve.open imageio.imwrite cv2.imwrite logging.FileHandler os.mkfifo
        os.mknod os.write os.writev os.pwrite os.pwritev os.sendfile os.splice os.copy_file_range
        readline.write_history_file readline.append_history_file""",
    "exec": """exec eval compile __import__ importlib runpy pickle.load pickle.loads pickle.Unpickler dill.load
        dill.loads cloudpickle.load cloudpickle.loads joblib.load torch.load pandas.read_pickle""",
    "native": """ctypes cffi builtins types.FunctionType types.CodeType marshal.loads code.interact gc.get_objects
        gc.get_referrers _posixsubprocess _interpreters _xxsubinterpreters concurrent.interpreters
        concurrent.futures.InterpreterPoolExecutor sys.remote_exec""",
    "environment": """os.chdir os.putenv os.unsetenv os.umask os.setuid os.setgid signal sys.settrace sys.setprofile
        sys.monitoring sys.addaudithook faulthandler.disable faulthandler.dump_traceback_later faulthandler.register
        faulthandler.unregister resource.setrlimit locale.setlocale
        resource.prlimit os.nice os.setpriority os.setsid os.setpgid os.setpgrp os.seteuid os.setegid os.setreuid
        os.setregid os.setresuid os.setresgid os.setgroups os.initgroups os.chroot os.sched_setaffinity
        os.sched_setscheduler os.sched_setparam os.dup2 os.closerange time.tzset
        os.setns os.unshare time.clock_settime time.clock_settime_ns socket.sethostname fcntl.ioctl
        os.environ.update os.environ.pop os.environ.setdefault os.environ.clear""",
    "not undoable": "atexit sys.stdout.close sys.stderr.close",
    "": "multiprocessing.pool.ThreadPool multiprocessing.dummy requests.Request",  # threads; an address not yet asked
}  # fmt: skip
ROOTS = {name: kind for kind, names in _ROOTS.items() for name in names.split()}
POOLS = re.compile(r"scipy\.(optimize|integrate|stats)\.\w+$")  # these start processes where `workers` says so
SAFE = _words("""socket.gethostname socket.inet_aton socket.inet_ntoa ctypes.sizeof signal.getsignal signal.strsignal
    socket.socket socket.socketpair socket.socket.close socket.socket.fileno socket.socket.settimeout
    socket.socket.gettimeout socket.socket.setblocking socket.socket.getsockname socket.socket.getpeername
    ssl.create_default_context ssl.SSLContext requests.Session urllib.request.Request
    multiprocessing.cpu_count multiprocessing.current_process multiprocessing.get_context""")  # fmt: skip
IN_MEMORY = re.compile(r"_?io\.(BytesIO|StringIO)\b|(sqlite3|duckdb)\.connect\.memory\(\)")
TEMPORARY = re.compile(r"tempfile\.(TemporaryDirectory|NamedTemporaryFile|TemporaryFile|mkdtemp)\(\)")
# variables of the environment by which programs and libraries are led elsewhere; Undo puts any other one back
LEADING = re.compile(
    r"(?i)(.*(PATH|PROXY|KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS|URL|HOST|ENDPOINT|DIR|HOME|CONFIG|CONF|CERT|BUNDLE|OPTIONS"
    r"|OPTS|ARGS|COMMAND|EDITOR|PAGER|LESSOPEN|BROWSER|SHELL)|IFS|ENV|TMP|TEMP|USER|LOGNAME|(LD_|DYLD_|PYTHON(?!HASHSEED|WARNINGS)|LLMOS|OPENAI|ANTHROPIC"
    r"|JUPYTER|IPYTHON|GIT_|SSL_|SSH_|BASH_|PIP_|NODE_|AWS_|AZURE_|GOOGLE_|KUBE|DOCKER_|XDG_|PG|MYSQL).*)$"
)
COPIERS = _words("shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.unpack_archive os.symlink")
# these change both places that they name
MOVERS = _words("""shutil.move os.rename os.renames os.replace os.link pathlib.Path.rename pathlib.Path.replace
    pathlib.Path.move""")  # fmt: skip
MOVED = "moved away"
SPAWN = re.compile(r"os\.(spawn|exec)[lv]p?e?$")
_METHODS = {
    "deletion": "unlink rmdir rmtree drop_table drop_database drop_collection delete_one delete_many delete_object",
    "file": """savefig write_text write_bytes touch mkdir symlink_to hardlink_to write_file extractall tofile
        write_image write_html save_model save_pretrained to_sql backup""",
    "exec": "read_pickle",
    "not undoable": "commit executemany add_signal_handler",
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
    r"(?!\s+temp(?:orary)?\s+(?:table|view)\b)(?!\s+(?:(?:or\s+\w+\s+)?into\s+|from\s+|table\s+(?:if\s+exists\s+)?)?temp\.)"
)
DELETES = ("drop", "delete", "truncate")
# no audit event tells what these do, so that it is judged before the step begins
UNHEARD = tuple("duckdb polars pyarrow h5py cffi zmq grpc pycurl psycopg2 psycopg nanomsg pynng".split())  # noqa: SIM905
UNSEEN = re.compile(
    rf"({'|'.join(UNHEARD)}|_socket)\b"
    r"|.*\b(write_(csv|parquet|json|excel|ipc|ndjson|avro)|sink_\w+|scan_\w+|backup|blobopen)$"
)
OUT_OF_MEMORY = re.compile(  # what leaves a database of DuckDB's
    r"(?is)\s*(?:(?:force\s+)?(?:copy|export|import|attach|install|load)\b|update\s+extensions\b|create\s+(?:or\s+replace\s+)?persistent\b"
    r"|(?:set|pragma)\b[^=]*(?:path|output|directory|repository)\b)"
)
SQL_METHODS = _words("execute executescript sql query run_query exec_driver_sql read_sql")
DELETING_COMMANDS = re.compile(r"(^|[;&|]\s*)\s*(sudo\s+)?(rm|rmdir|del|unlink|shred|dd|mkfs\S*)\b")
REFLECTION = _words("""__globals__ __builtins__ __subclasses__ __code__ __closure__ __getattribute__ __loader__
    __import__ f_globals f_locals f_back gi_frame tb_frame""")  # fmt: skip
INTO_CLASSES = _words("__bases__ __mro__ __dict__")
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
