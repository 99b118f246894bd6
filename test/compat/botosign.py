"""Signs random requests with botocore's signers, one JSON line for each.

The seed and how many are the arguments. Requests differ in method, key, query,
headers, and in where the signature stands.
"""
import json
import random
import sys
from urllib.parse import quote

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

rng = random.Random(int(sys.argv[1]))
credentials = Credentials("CFAKTESTTESTTESTTEST", "cfs_secretsecretsecretsecretsecretsecret")
ALPHABET = list("abcXYZ019 -_.~+*'()!$&,;=:@/%\"<>#?[]{}|^`\\") + ["é", "ß", "日", "🔑", "//", "..", "%2F"]


def text(least, most):
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randint(least, most)))


for _ in range(int(sys.argv[2])):
    path = "/bucket/" + quote(text(1, 40), safe="/~")
    query = "&".join(
        quote(text(1, 6), safe="") + "=" + quote(text(0, 12), safe="") for _ in range(rng.randint(0, 4))
    )
    url = "http://" + rng.choice(["127.0.0.1:9000", "bucket.localhost:9000", "s3.example.com"]) + path
    headers = {}
    if rng.random() < 0.7:
        headers["x-amz-meta-a"] = rng.choice(["x", "a  b", " padded ", "1,2"])
    if rng.random() < 0.5:
        headers["Content-Type"] = rng.choice(["text/plain", "application/x; charset=utf-8"])
    if rng.random() < 0.3:
        headers["x-amz-checksum-crc32"] = "AAAAAA=="
    request = AWSRequest(method=rng.choice(["GET", "PUT", "HEAD", "DELETE", "POST"]),
                         url=url + ("?" + query if query else ""), headers=headers, data=b"")
    if rng.random() < 0.5:
        S3SigV4QueryAuth(credentials, "s3", "auto", expires=rng.randint(1, 604800)).add_auth(request)
    else:
        S3SigV4Auth(credentials, "s3", "auto").add_auth(request)
    prepared = request.prepare()
    print(json.dumps({"method": prepared.method, "url": prepared.url,
                      "headers": {k: v if isinstance(v, str) else v.decode() for k, v in prepared.headers.items()}}))
