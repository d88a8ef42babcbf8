"""Our guard for the agent of AgentDojo: a real process under a manifest; this file only translates."""

from pathlib import Path

from agentdojo.functions_runtime import FunctionsRuntime
from driven import Driven


class Guard(Driven):
    """One task, with the tools of its suite over its environment."""

    written = Path(__file__).with_name("dojo")

    def __init__(self, suite, task, env):
        runtime = FunctionsRuntime(suite.tools)

        def function(name):
            def run(**arguments):
                result, error = runtime.run_function(env, name, arguments)
                if error is not None:
                    raise RuntimeError(error)
                return result

            return run

        functions = [
            (name, fn.description, fn.parameters.model_json_schema(), function(name))
            for name, fn in runtime.functions.items()
        ]
        super().__init__(suite.name, task.ID, task.PROMPT, functions)
