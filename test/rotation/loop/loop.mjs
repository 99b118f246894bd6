// Puts, gets and lists until its input ends, and prints one JSON line for each call.
import { S3Client, PutObjectCommand, GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";

const env = process.env;
const s3 = new S3Client({
  endpoint: env.ENDPOINT,
  region: env.REGION,
  forcePathStyle: true,
  maxAttempts: 1, // a retry would hide a failure
  customUserAgent: env.AGENT,
});
const Bucket = env.BUCKET;
const Key = env.AGENT;

const calls = {
  put: () => s3.send(new PutObjectCommand({ Bucket, Key, Body: "hello" })),
  get: async () => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    if ((await Body.transformToString()) !== "hello") throw new Error("the object is not what was put");
  },
  list: async () => {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    if (!Contents.some((o) => o.Key === Key)) throw new Error("the object is not in the list");
  },
};

let ended = false;
process.stdin.resume().on("end", () => (ended = true));
while (!ended) {
  for (const [op, call] of Object.entries(calls)) {
    // The clock has milliseconds: a call spans at least what is said of it.
    const line = { op, begin: Date.now() * 1e6, ok: true };
    try {
      await call();
    } catch (e) {
      const status = e.$metadata?.httpStatusCode ?? 0;
      Object.assign(line, { ok: false, status, code: status ? e.name : "", message: e.message });
    }
    line.end = (Date.now() + 1) * 1e6;
    console.log(JSON.stringify(line));
  }
  await new Promise((done) => setTimeout(done, 10)); // leaves something of a small machine to the others
}
process.exit(0);
