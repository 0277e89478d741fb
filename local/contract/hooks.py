"""Rules of requests that the OpenAPI document cannot express. No answer is filtered: every check sees every answer."""

from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

KEY = "Idempotency-Key"

# A pattern cannot express which hosts and ports exist. Nothing answers at these hosts, so that tasks reach no server.
HOSTS = st.sampled_from(["example.invalid", "localhost", "127.0.0.1", "[::1]", "xn--bcher-kva.invalid:8443"])
PATHS = st.text("abcdefghijklmnopqrstuvwxyz0123456789/-_.~?=&", max_size=40)
schemathesis.openapi.format("uri", st.builds("{}://{}/{}".format, st.sampled_from(["http", "https"]), HOSTS, PATHS))

# JSON Schema cannot express the rules about invisible characters and joiners, because they need Unicode classes.
NAMES = st.text("abc ABC 012 äßñ Ωж漢字 -_.,!'()&", min_size=1, max_size=40).filter(lambda name: name.strip())
schemathesis.openapi.format("name", NAMES)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes a valid request follow the rules that JSON Schema cannot express. Does not change an invalid request.

    An idempotency key belongs to the first request with it, and another request with it gets 422. So every request gets
    a new key. The other rules compare two members.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    headers = case.headers
    if headers and headers.get(KEY):
        headers[KEY] = uuid4().hex + headers[KEY][32:]
    query = case.query or {}
    # Prices: `from` must not be after `to`.
    if "from" in query and "to" in query:
        query["from"] = query["to"]
    if isinstance(case.body, (dict, list)):
        case.body = kept(case.body)


def kept(value):
    """Returns the value changed to follow the rules between its members. Each field's description states its rule."""
    if isinstance(value, int) and abs(value) > 2**53:
        # A double cannot represent this number exactly.
        return 0
    if isinstance(value, list):
        return [kept(each) for each in value]
    if not isinstance(value, dict):
        return value
    value = {name: kept(each) for name, each in value.items()}
    # `limits` of a task: soft below hard.
    if set(value) == {"soft_seconds", "hard_seconds"} and value["soft_seconds"] >= value["hard_seconds"]:
        value = {"soft_seconds": 0.1, "hard_seconds": max(value["hard_seconds"], 0.2)}
    # `expected_status` of `http.request`: `from` not above `to`.
    if set(value) == {"from", "to"} and value["from"] > value["to"]:
        value = {"from": value["to"], "to": value["from"]}
    # `headers` of `http.request`: no two names that differ only in case.
    if isinstance(value.get("headers"), dict):
        value["headers"] = {name.lower(): each for name, each in value["headers"].items()}
    # A new user: a username with an @ must be the email, and the password must be neither of both nor a common one.
    if {"email", "password"} <= set(value) and "role" not in value:
        if "@" in value.get("username", ""):
            value["username"] = value["username"].replace("@", "-")
        value["password"] = (value["password"] + uuid4().hex)[-128:]
    return value
