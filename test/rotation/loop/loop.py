"""Puts, gets and lists until its input ends, and prints one JSON line for each call."""

import json
import os
import sys
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

s3 = boto3.client(
    "s3",
    endpoint_url=os.environ["ENDPOINT"],
    region_name=os.environ["REGION"],
    config=Config(
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 1},  # a retry would hide a failure
        read_timeout=30,
        user_agent_extra=os.environ["AGENT"],
    ),
)
bucket, key = os.environ["BUCKET"], os.environ["AGENT"]
ended = threading.Event()


def wait_for_end():
    sys.stdin.read()
    ended.set()


def put():
    s3.put_object(Bucket=bucket, Key=key, Body=b"hello")


def get():
    if s3.get_object(Bucket=bucket, Key=key)["Body"].read() != b"hello":
        raise Exception("the object is not what was put")


def list():
    if key not in [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]:
        raise Exception("the object is not in the list")


threading.Thread(target=wait_for_end, daemon=True).start()
while not ended.is_set():
    for call in put, get, list:
        line = {"op": call.__name__, "begin": time.time_ns(), "ok": True}
        try:
            call()
        except ClientError as e:
            meta = e.response["ResponseMetadata"]
            line |= {"ok": False, "status": meta["HTTPStatusCode"], "code": e.response["Error"]["Code"], "message": e.response["Error"]["Message"]}
        except Exception as e:
            line |= {"ok": False, "message": "%s: %s" % (type(e).__name__, e)}
        line["end"] = time.time_ns()
        print(json.dumps(line), flush=True)
    ended.wait(0.01)  # leaves something of a small machine to the others
