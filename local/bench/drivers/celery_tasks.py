"""The no-op task in Celery. A row in Postgres has its status. DATABASE_URL and REDIS_URL set the addresses."""

import os
import time

import psycopg
import redis
from celery import Celery
from celery.signals import worker_process_init

app = Celery("bench", broker=os.environ["REDIS_URL"])
app.conf.update(
    worker_prefetch_multiplier=1,
    worker_concurrency=4,
    # At-least-once delivery: a task whose worker dies is delivered again.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # The status is in the row. Celery's documentation: "storing results wastes time and resources".
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
)

TABLE = """
create table tasks (
  id bigserial primary key,
  name varchar(200) not null,
  description text not null,
  scheduled_time timestamptz not null,
  status varchar(20) not null,
  payload jsonb not null,
  result jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
)"""

database = None
starts = None


@worker_process_init.connect
def connect(**_):
    """Opens the connections of a process of the pool."""
    global database, starts
    database = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    starts = redis.Redis.from_url(os.environ["REDIS_URL"])


@app.task
def process(row, report=None):
    if report is not None:
        starts.rpush(f"start:{report}", repr(time.time()))
    database.execute("update tasks set status = 'RUNNING', updated_at = now() where id = %s", (row,))
    database.execute(
        "update tasks set status = 'COMPLETED', result = %s, updated_at = now() where id = %s",
        ('{"message": "Data processed successfully"}', row),
    )
