"""Our guard for the worst-case agent of AgentDojo: a real process under a manifest; this file only translates.

`make_guard` is the factory.
"""

from pathlib import Path

from agentdojo.functions_runtime import FunctionsRuntime
from driven import Driven


class Guard(Driven):
    """One task, with the tools of its suite over its environment."""

    written = Path(__file__).with_name("dojo")
    tasks = {}  # by suite, the ids of tasks by their prompts

    def __init__(self, ctx):
        runtime = FunctionsRuntime([ctx.tools[n] for n in ctx.tools])

        def function(name):
            def run(**arguments):
                result, error = runtime.run_function(ctx.env, name, arguments)
                if error is not None:
                    raise RuntimeError(error)
                return result

            return run

        functions = [
            (name, fn.description, fn.parameters.model_json_schema(), function(name))
            for name, fn in ctx.tools.items()
        ]
        super().__init__(ctx.suite, self.tasks[ctx.suite][ctx.prompt], ctx.prompt, functions)

    def __call__(self, call, history):
        """Let the process judge, and run, the agent's next call."""
        return self.judged(call.tool, call.args)

    def execute(self, call, run):
        """Give what the process has run, or let it run what a person has approved."""
        return self.outcome()


make_guard = Guard
