"""Every call of the PyPI client `ninox` that the server answers, against a running server.

    NINOX_URL=… NINOX_KEY=… NINOX_TEAM=<name> NINOX_DATABASE=<name> python run.py

The database holds a table `Contact` (Name string, Age number, Status choice: new, won) without records.
`query`, `exec` and the file calls are not made yet: the server does not answer them so far.
"""

import logging
import os
import re
import sys

from ninox import Ninox
from ninox.api.adapter import NinoxApiError

logging.disable(logging.CRITICAL)

URL, KEY = os.environ["NINOX_URL"], os.environ["NINOX_KEY"]
TEAM_NAME, DATABASE_NAME = os.environ["NINOX_TEAM"], os.environ["NINOX_DATABASE"]

client = Ninox(KEY, base_url=URL)
checks = []


def check(call):
    checks.append(call)
    return call


def equal(got, want):
    assert got == want, f"expected {want!r}, got {got!r}"


def refused(status, call, *args):
    try:
        call(*args)
    except NinoxApiError as error:
        assert str(status) in str(error), f"expected status {status}, got: {error}"
    else:
        raise AssertionError(f"expected status {status}, got an answer")


def find(items, name):
    found = [item["id"] for item in items if item["name"] == name]
    equal(len(found), 1)
    return found[0]


def place():
    team = find(client.get_workspaces(), TEAM_NAME)
    return team, find(client.get_databases(team), DATABASE_NAME)


@check
def a_wrong_key_is_refused():
    refused(401, Ninox("wrong", base_url=URL).get_workspaces)


@check
def workspaces():
    team, _ = place()
    assert re.fullmatch("[a-z0-9]{17}", team), team
    equal(client.get_workspace(team), {"id": team, "name": TEAM_NAME})
    refused(404, client.get_workspace, "nobodynobodynobod")


@check
def databases():
    team, database = place()
    assert re.fullmatch("[a-z0-9]{12}", database), database
    whole = client.get_database(team, database)
    equal(set(whole), {"settings", "schema"})
    equal(whole["settings"]["name"], DATABASE_NAME)
    equal([table["caption"] for table in whole["schema"]["types"].values()], ["Contact"])
    refused(404, client.get_database, team, "nothingnothi")


@check
def schemas():
    team, database = place()
    schemas = client.get_schemas(team, database)
    equal([(table["id"], table["name"]) for table in schemas], [("A", "Contact")])
    schema = client.get_schema(team, database, "Contact")
    equal([(f["name"], f["type"]) for f in schema["fields"]],
          [("Name", "string"), ("Age", "number"), ("Status", "choice")])
    equal([choice["caption"] for choice in schema["fields"][2]["choices"]], ["new", "won"])


@check
def upsert_records():
    team, database = place()
    made = client.upsert_records(team, database, "Contact", [
        {"fields": {"Name": "Jane Doe", "Age": 33, "Status": "new"}},
        {"fields": {"Name": "Ömer", "Age": 21, "Status": "won"}},
        {"_upsert": True, "_id": 43, "A": "Alfred", "B": 50},
    ])
    equal([record["id"] for record in made], [1, 2, 43])
    equal(made[2]["fields"], {"Name": "Alfred", "Age": 50})
    again = client.upsert_records(team, database, "A", [
        {"id": "2", "fields": {"Age": 22}},
        {"_upsert": True, "_id": 43, "B": 51},
    ])
    equal([record["fields"].get("Age") for record in again], [22, 51])
    refused(400, client.upsert_records, team, database, "A", [{"fields": {"Age": "abc"}}])


@check
def get_records():
    team, database = place()
    records = client.get_records(team, database, "A")
    equal([record["id"] for record in records], [1, 2, 43])
    # The client asks for option ids unless told otherwise.
    equal(records[0]["fields"], {"Name": "Jane Doe", "Age": 33, "Status": "1"})
    records = client.get_records(team, database, "A", choice_style="names")
    equal(records[0]["fields"]["Status"], "new")
    refused(404, client.get_records, team, database, "Nothing")


@check
def get_record():
    team, database = place()
    equal(client.get_record(team, database, "A", "2")["fields"], {"Name": "Ömer", "Age": 22, "Status": "2"})
    equal(client.get_record(team, database, "A", "2", choice_style="names")["fields"]["Status"], "won")
    refused(404, client.get_record, team, database, "A", "99")


@check
def update_record():
    team, database = place()
    updated = client.update_record(team, database, "A", "1", {"fields": {"Age": 34, "Status": None}})
    equal(updated["fields"], {"Name": "Jane Doe", "Age": 34})
    refused(404, client.update_record, team, database, "A", "99", {"fields": {"Age": 1}})


@check
def search_record():
    team, database = place()
    found = client.search_record(team, database, "A", {"filters": {"Name": "Ömer"}})
    equal((found["id"], found["fields"]["Status"]), (2, "2"))
    equal(client.search_record(team, database, "A", {"filters": {"B": 51}})["id"], 43)
    equal(client.search_record(team, database, "A", {"filters": {"Name": "Nobody"}}), None)


@check
def changes():
    team, database = place()
    record = client.get_record(team, database, "A", "1")
    everything = client.get_table_changes(team, database, "A", "0")
    equal([change["_id"] for change in everything["changes"]], [2, 43, 1])
    equal(everything["seq"], record["sequence"])
    since = str(record["sequence"] - 1)
    equal([change["_id"] for change in client.get_database_changes(team, database, "A", since)["changes"]], [1])
    equal(client.get_table_changes(team, database, "A", str(record["sequence"]))["changes"], [])
    history = client.get_record_changes(team, database, "A", "1", "0")["changes"]
    equal([change["_sq"] for change in history][-1], record["sequence"])
    equal(len(history), 2)
    equal(history[1]["B"], 34)


@check
def delete_record():
    team, database = place()
    equal(client.delete_record(team, database, "A", "1"), {})
    refused(404, client.delete_record, team, database, "A", "1")


@check
def delete_records():
    team, database = place()
    equal(client.delete_records(team, database, "A", [2, "43", 99]), {})
    equal(client.get_records(team, database, "A"), [])


failed = 0
for call in checks:
    try:
        call()
        print(f"ok - {call.__name__}")
    except Exception as error:  # every check is run and told
        failed += 1
        print(f"not ok - {call.__name__}: {type(error).__name__}: {error}")
print(f"{len(checks) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
