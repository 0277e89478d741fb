"""Celery: this process and its producers create rows and send tasks. A worker with four processes runs the tasks."""

import datetime
import json
import multiprocessing
import os
import subprocess
import sys
import time

import psycopg
import redis

from celery_tasks import TABLE, app, process

# Separate processes, as a web server has them: threads of one process share an interpreter.
PRODUCERS = 4
ROW = "insert into tasks (name, description, scheduled_time, status, payload) values (%s, %s, now(), 'PENDING', %s) returning id"
VALUES = ("noop", "", '{"note": "no operation"}')


def connect():
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def drained(database):
    """Waits until every row is COMPLETED."""
    while database.execute("select from tasks where status <> 'COMPLETED' limit 1").fetchone() is not None:
        time.sleep(0.02)


def produce(seconds, together, answers):
    """A client in a separate process: repeatedly creates a row and sends its task."""
    database = connect()
    milliseconds = []
    with app.producer_pool.acquire(block=True) as producer:
        together.wait()
        until = time.time() + seconds
        while time.time() < until:
            sent_at = time.time()
            row = database.execute(ROW, VALUES).fetchone()[0]
            process.apply_async((row,), producer=producer)
            milliseconds.append((time.time() - sent_at) * 1000)
    answers.put(milliseconds)


class Driver:
    def start(self, _):
        self.database = connect()
        self.database.execute(TABLE)
        self.starts = redis.Redis.from_url(os.environ["REDIS_URL"])
        self.numbered = 0
        self.worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "--loglevel", "WARNING"],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        # The first task completes when the worker is ready.
        self.latency(1)

    def bulk(self, tasks):
        started_at = time.time()
        # Like Django's bulk_create and one connection to the broker. Most of the time is spent in the worker.
        with self.database.transaction():
            rows = self.database.execute(
                "insert into tasks (name, description, scheduled_time, status, payload) "
                "select %s, %s, now(), 'PENDING', %s from generate_series(1, %s) returning id",
                (*VALUES, tasks),
            ).fetchall()
        with app.producer_pool.acquire(block=True) as producer:
            for (row,) in rows:
                process.apply_async((row,), producer=producer)
        enqueued_at = time.time()
        drained(self.database)
        return {"enqueueSeconds": enqueued_at - started_at, "seconds": time.time() - started_at}

    def single(self, load):
        context = multiprocessing.get_context("spawn")
        answers = context.Queue()
        together = context.Barrier(PRODUCERS)
        given = (load["seconds"], together, answers)
        children = [context.Process(target=produce, args=given) for _ in range(PRODUCERS)]
        for child in children:
            child.start()
        milliseconds = [each for _ in children for each in answers.get()]
        for child in children:
            child.join()
        drained(self.database)
        return {"perSecond": len(milliseconds) / load["seconds"], "milliseconds": milliseconds}

    def send(self, report, due=None):
        row = self.database.execute(ROW, VALUES).fetchone()[0]
        eta = None if due is None else datetime.datetime.fromtimestamp(due, datetime.timezone.utc)
        process.apply_async((row, report), eta=eta)

    def started(self, report):
        return float(self.starts.blpop(f"start:{report}", timeout=60)[1])

    def latency(self, samples):
        milliseconds = []
        for _ in range(samples):
            self.numbered += 1
            sent_at = time.time()
            self.send(self.numbered)
            milliseconds.append((self.started(self.numbered) - sent_at) * 1000)
            time.sleep(0.01)
        drained(self.database)
        return milliseconds

    def lateness(self, plan):
        beginning = time.time() + plan["fromSeconds"]
        sent = []
        for i in range(plan["samples"]):
            self.numbered += 1
            due = beginning + i / plan["samples"] * plan["overSeconds"]
            self.send(self.numbered, due)
            sent.append((self.numbered, due))
        milliseconds = [(self.started(number) - due) * 1000 for number, due in sent]
        drained(self.database)
        return milliseconds

    def stop(self, _):
        self.worker.terminate()
        self.worker.wait(10)


def main():
    driver = Driver()
    for line in sys.stdin:
        call = json.loads(line)
        answer = {"answer": call["id"]}
        try:
            answer["result"] = getattr(driver, call["call"])(call["given"])
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps(answer, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    main()
