"""The community's validator of RO-Crates with the network off: what it would fetch comes from a file.

    python crate_validator.py CONTEXT    reads folders of crates, one a line, and answers each with a line of JSON

CONTEXT is the JSON-LD context that all crates name. An answer has the issues and the number of checks that were made.
"""

import json
import sys
from io import BytesIO
from pathlib import Path

import requests
from rocrate_validator import models, services
from urllib3 import HTTPResponse

CONTEXT = "https://w3id.org/ro/crate/1.1/context"


def answer(text):
    def send(adapter, request, **_):
        if request.url != CONTEXT:
            raise requests.ConnectionError(f"the network is off: {request.url}")
        given = {"headers": {"Content-Type": "application/ld+json"}, "status": 200, "request_url": request.url}
        return adapter.build_response(request, HTTPResponse(BytesIO(text), preload_content=False, **given))

    return send


def validated(crate):
    settings = {
        "rocrate_uri": crate,
        "profile_identifier": "process-run-crate-0.5",
        "requirement_severity": models.Severity.RECOMMENDED,
        "disable_cache": True,
        "cache_path": None,
    }
    known = models.ValidationSettings.__dataclass_fields__
    result = services.validate(models.ValidationSettings(**{k: v for k, v in settings.items() if k in known}))
    issues = [
        f"{issue.severity.name} {issue.check.identifier}: {issue.message} [{issue.violatingEntity}]"
        for issue in result.get_issues()
    ]
    return {"issues": issues, "checked": len(result.executed_checks)}


if __name__ == "__main__":
    requests.adapters.HTTPAdapter.send = answer(Path(sys.argv[1]).read_bytes())
    for line in sys.stdin:
        print(json.dumps(validated(line.strip())), flush=True)
