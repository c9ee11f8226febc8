"""Puts names of real things into most of the generated requests, so that they get beyond 404.

    BOOBOOK_STAGE='{"url": …, "key": …, "teamid": …, "dbid": …, …}' schemathesis run …

What a DELETE takes away is made for it right before. One request in eight keeps the names that were generated.
"""

import json
import os

import requests
import schemathesis

STAGE = json.loads(os.environ["BOOBOOK_STAGE"])
DATABASE = f"/v1/teams/{STAGE['teamid']}/databases/{STAGE['dbid']}"
SCRIPTS = [
    "1 + 1",
    "select Person",
    "(select Person).Name",
    "first(select Person where Age > 1)",
    'let p := create Person; p.Name := "made"; p',
    "for p in select Person do p.Age := p.Age + 1 end",
    "{ a: [1, true, null], b: now() }",
    "1 / 0",
    "let x :=",
]

session = requests.Session()
session.headers["Authorization"] = f"Bearer {STAGE['key']}"
calls = 0


def make(method, path, **request):
    """The JSON that the server answers to a request of our own."""
    answer = session.request(method, STAGE["url"] + path, timeout=20, **request)
    answer.raise_for_status()
    return answer.json()


def disposable(path):
    """Names of things that were made to be deleted at once."""
    table = f"{DATABASE}/tables/{STAGE['tid']}"
    record = f"{table}/records/{STAGE['rid']}"
    if "/files/{file}" in path:
        make("POST", f"{record}/files", files={"file": ("gone.txt", b"gone")})
        if path.endswith("/share"):
            make("POST", f"{record}/files/gone.txt/share", json={})
        return {"file": "gone.txt"}
    if path.endswith("/records/{rid}"):
        return {"rid": make("POST", f"{table}/records", json={"fields": {}})["id"]}
    if "/views/{viewid}" in path:
        view = make("POST", f"{table}/views", json={"caption": "Gone"})["id"]
        if path.endswith("/share"):
            make("POST", f"{table}/views/{view}/share", json={})
        return {"viewid": view}
    if path.endswith("/fields/{fid}"):
        name = f"Gone {calls}"
        return {"fid": make("POST", f"{table}/fields", json={"name": name, "type": "string"})["id"]}
    if path.endswith("/tables/{tid}"):
        return {"tid": make("POST", f"{DATABASE}/tables", json={"name": f"Gone {calls}"})["id"]}
    if path.endswith("/databases/{dbid}"):
        databases = f"/v1/teams/{STAGE['teamid']}/databases"
        return {"dbid": make("POST", databases, json={"name": "Gone"})["id"]}
    if path.endswith("/teams/{teamid}"):
        return {"teamid": make("POST", "/v1/teams", json={"name": "Gone"})["id"]}
    # All records of a table.
    return {"tid": STAGE["emptied"]}


@schemathesis.hook
def before_call(ctx, case, kwargs):
    global calls
    calls += 1
    path, is_real = case.operation.path, calls % 8 != 0
    if is_real and case.path_parameters:
        for name in case.path_parameters:
            case.path_parameters[name] = STAGE[name]
        if case.method == "DELETE" or path.endswith("/records/delete"):
            case.path_parameters.update(disposable(path))
    if case.query and case.query.get("live"):
        # Such an answer does not end.
        case.query["live"] = "F"
    if is_real and calls % 2 == 0:
        script = SCRIPTS[calls // 2 % len(SCRIPTS)]
        if isinstance(case.body, dict) and "query" in case.body:
            case.body["query"] = script
        elif case.query and path.endswith("/query"):
            case.query["query"] = script
    if is_real and path.endswith("/schema") and isinstance(case.body, dict):
        case.body["version"] = make("GET", f"{DATABASE}/schema")["version"]
