"""What the document cannot say to Schemathesis. Every check sees every answer; nothing is filtered from answers."""

from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

KEY = "Idempotency-Key"

# No pattern can say which hosts and ports exist. Nothing answers at these, so that tasks ask nobody.
HOSTS = st.sampled_from(["example.invalid", "localhost", "127.0.0.1", "[::1]", "xn--bcher-kva.invalid:8443"])
PATHS = st.text("abcdefghijklmnopqrstuvwxyz0123456789/-_.~?=&", max_size=40)
schemathesis.openapi.format("uri", st.builds("{}://{}/{}".format, st.sampled_from(["http", "https"]), HOSTS, PATHS))

# Which characters are invisible, and where a joiner means something, only classes of Unicode can say.
NAMES = st.text("abc ABC 012 äßñ Ωж漢字 -_.,!'()&", min_size=1, max_size=40).filter(lambda name: name.strip())
schemathesis.openapi.format("name", NAMES)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes a valid request keep the rules that JSON Schema cannot say. An invalid request stays as it is.

    A key belongs to the first request that was made with it, and another request is refused by 422: every request gets
    a key of its own. The other rules compare two members.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    headers = case.headers
    if headers and headers.get(KEY):
        headers[KEY] = uuid4().hex + headers[KEY][32:]
    query = case.query or {}
    # Prices: `from` must not be after `to`
    if "from" in query and "to" in query:
        query["from"] = query["to"]
    if isinstance(case.body, (dict, list)):
        case.body = kept(case.body)


def kept(value):
    """The value with the rules between its members kept. Each is in the description of its field."""
    if isinstance(value, int) and abs(value) > 2**53:
        # A number that a double would change
        return 0
    if isinstance(value, list):
        return [kept(each) for each in value]
    if not isinstance(value, dict):
        return value
    value = {name: kept(each) for name, each in value.items()}
    # `limits` of a task
    if set(value) == {"soft_seconds", "hard_seconds"} and value["soft_seconds"] >= value["hard_seconds"]:
        value = {"soft_seconds": 0.1, "hard_seconds": max(value["hard_seconds"], 0.2)}
    # `expected_status` of `http.request`
    if set(value) == {"from", "to"} and value["from"] > value["to"]:
        value = {"from": value["to"], "to": value["from"]}
    # `headers` of `http.request`: names that differ in case alone
    if isinstance(value.get("headers"), dict):
        value["headers"] = {name.lower(): each for name, each in value["headers"].items()}
    # A new user: a name with an @ must be the email, and the password neither of both, nor one that others have
    if {"email", "password"} <= set(value) and "role" not in value:
        if "@" in value.get("username", ""):
            value["username"] = value["username"].replace("@", "-")
        value["password"] = (value["password"] + uuid4().hex)[-128:]
    return value
