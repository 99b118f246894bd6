// Answers one JSON line for each JSON line: what the suite asks of the AWS SDK
// for JavaScript.

import { createReadStream, createWriteStream, readFileSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";

import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const s3 = new S3Client({
  endpoint: process.env.ENDPOINT,
  region: process.env.REGION,
  forcePathStyle: process.env.STYLE === "path",
  maxAttempts: 1,
});

const MiB = 1 << 20;

const calls = {
  make_bucket: ({ bucket }) => s3.send(new CreateBucketCommand({ Bucket: bucket })),

  // Bytes in memory, a stream, and parts each look different on the wire.
  async put({ bucket, key, file, headers }) {
    const size = statSync(file).size;
    const Body = size < MiB ? readFileSync(file) : createReadStream(file);
    const params = { Bucket: bucket, Key: key, Body, ...headers };
    if (size < 5 * MiB) await s3.send(new PutObjectCommand(params));
    else await new Upload({ client: s3, params }).done();
  },

  async get({ bucket, key, file }) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    await pipeline(Body, createWriteStream(file));
  },

  async head({ bucket, key }) {
    const { ContentType, CacheControl, ContentDisposition, Metadata } = await s3.send(
      new HeadObjectCommand({ Bucket: bucket, Key: key }),
    );
    return { ContentType, CacheControl, ContentDisposition, Metadata };
  },

  // This SDK leaves encoding-type to its caller.
  async list({ bucket, prefix, delimiter, page }) {
    const keys = [];
    const prefixes = [];
    const paging = { client: s3, pageSize: page || undefined };
    const params = { Bucket: bucket, Prefix: prefix, Delimiter: delimiter || undefined, EncodingType: "url" };
    for await (const p of paginateListObjectsV2(paging, params)) {
      for (const o of p.Contents ?? []) keys.push(decode(o.Key));
      for (const o of p.CommonPrefixes ?? []) prefixes.push(decode(o.Prefix));
    }
    return { keys, prefixes };
  },

  copy: ({ bucket, from, to }) =>
    s3.send(new CopyObjectCommand({ Bucket: bucket, Key: to, CopySource: bucket + "/" + encodeURIComponent(from) })),

  async delete({ bucket, keys }) {
    for (let i = 0; i < keys.length; i += 1000) {
      const Objects = keys.slice(i, i + 1000).map((Key) => ({ Key }));
      const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
      if (Errors?.length || Deleted?.length !== Objects.length)
        throw new Error(`deleted ${Deleted?.length} of ${Objects.length}: ${JSON.stringify(Errors)}`);
    }
  },

  delete_one: ({ bucket, key }) => s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })),

  presign_get: ({ bucket, key }) => getSignedUrl(s3, new GetObjectCommand({ Bucket: bucket, Key: key })),
  presign_put: ({ bucket, key, headers }) =>
    getSignedUrl(s3, new PutObjectCommand({ Bucket: bucket, Key: key, ...headers })),
};

// Some services write a space as a plus here.
const decode = (name) => decodeURIComponent(name.replaceAll("+", " "));

// What an SDK command answers is full of cycles; only texts, lists and plain
// objects of the calls above go out.
const sent = new Set(["head", "list", "presign_get", "presign_put"]);

for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  let answer;
  try {
    const result = await calls[call.name](call);
    answer = { ok: true, result: sent.has(call.name) ? result : undefined };
  } catch (e) {
    answer = { ok: false, detail: `${e.name}: ${e.message}` };
  }
  console.log(JSON.stringify({ name: call.name, ...answer }));
}
