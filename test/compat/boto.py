"""Answers one JSON line for each JSON line: what the suite asks of boto3."""

import json
import os
import socket
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

# Names below localhost are this machine (RFC 6761), whatever its resolver says.
resolve = socket.getaddrinfo


def getaddrinfo(host, *args, **kwargs):
    if isinstance(host, str) and host.endswith("localhost"):
        host = "127.0.0.1"
    return resolve(host, *args, **kwargs)


socket.getaddrinfo = getaddrinfo

s3 = boto3.client(
    "s3",
    endpoint_url=os.environ["ENDPOINT"],
    region_name=os.environ["REGION"],
    verify=os.environ.get("CA_FILE") or None,
    config=Config(s3={"addressing_style": os.environ["STYLE"]}, retries={"total_max_attempts": 1}, read_timeout=30),
)
in_parts = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20)


def version(c):
    return boto3.__version__


def make_bucket(c):
    s3.create_bucket(Bucket=c["bucket"])


def put(c):
    s3.upload_file(c["file"], c["bucket"], c["key"], ExtraArgs=c["headers"], Config=in_parts)


def get(c):
    s3.download_file(c["bucket"], c["key"], c["file"], Config=in_parts)


def head(c):
    answer = s3.head_object(Bucket=c["bucket"], Key=c["key"])
    return {k: answer[k] for k in ("ContentType", "CacheControl", "ContentDisposition", "Metadata") if k in answer}


def list(c):
    args = {k: v for k, v in (("Prefix", c["prefix"]), ("Delimiter", c["delimiter"])) if v}
    if c["page"]:
        args["PaginationConfig"] = {"PageSize": c["page"]}
    pages = [p for p in s3.get_paginator("list_objects_v2").paginate(Bucket=c["bucket"], **args)]
    return {
        "keys": [o["Key"] for p in pages for o in p.get("Contents", [])],
        "prefixes": [o["Prefix"] for p in pages for o in p.get("CommonPrefixes", [])],
    }


def copy(c):
    s3.copy({"Bucket": c["bucket"], "Key": c["from"]}, c["bucket"], c["to"], Config=in_parts)


def delete(c):
    for i in range(0, len(c["keys"]), 1000):
        keys = c["keys"][i : i + 1000]
        answer = s3.delete_objects(Bucket=c["bucket"], Delete={"Objects": [{"Key": k} for k in keys]})
        if answer.get("Errors") or len(answer["Deleted"]) != len(keys):
            raise Exception("deleted %d of %d: %s" % (len(answer["Deleted"]), len(keys), answer.get("Errors")))


def delete_one(c):
    s3.delete_object(Bucket=c["bucket"], Key=c["key"])


def presign_get(c):
    return s3.generate_presigned_url("get_object", Params={"Bucket": c["bucket"], "Key": c["key"]})


def presign_put(c):
    return s3.generate_presigned_url("put_object", Params={"Bucket": c["bucket"], "Key": c["key"]})


for line in sys.stdin:
    call = json.loads(line)
    try:
        answer = {"ok": True, "result": globals()[call["name"]](call)}
    except Exception as e:
        answer = {"ok": False, "detail": "%s: %s" % (type(e).__name__, e)}
    print(json.dumps({"name": call["name"], **answer}), flush=True)
