// Tests each command of the vendor's JavaScript SDK against the dev server of UPSTASH_VECTOR_REST_URL.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Index } from "@upstash/vector";

const type = process.env.INDEX_TYPE;
const index = new Index({
  url: process.env.UPSTASH_VECTOR_REST_URL,
  token: process.env.UPSTASH_VECTOR_REST_TOKEN,
  retry: false,
});
const namespace = "sdk-js"; // the SDK does not encode names
const ns = () => ({ namespace }); // a new object each time: the SDK removes the name from it

// [1, 0] is nearest to "a", [0, 1] to "b"; likewise sparse dimensions 1 and 2.
const dense = { a: [1, 0], b: [0, 1], c: [0.6, 0.8] };
const sparse = {
  a: { indices: [1], values: [1] },
  b: { indices: [2], values: [1] },
  c: { indices: [1, 2], values: [0.6, 0.8] },
};
const parts = (name) => ({
  ...(type === "SPARSE" ? {} : { vector: dense[name] }),
  ...(type === "DENSE" ? {} : { sparseVector: sparse[name] }),
});
const ids = (items) => items.map((item) => item?.id ?? null);

async function fill() {
  await index.reset({ all: true });
  const vectors = ["a", "b", "c"].map((name) => ({
    id: name,
    ...parts(name),
    metadata: { name, length: name.charCodeAt(0), tags: [name, "all"] },
    data: `text ${name}`,
  }));
  assert.equal(await index.upsert(vectors, ns()), "Success");
}

test("upsert and fetch", async () => {
  await fill();
  const options = { includeVectors: true, includeMetadata: true, includeData: true, ...ns() };
  const [b, none, a] = await index.fetch(["b", "none", "a"], options);
  assert.equal(none, null);
  assert.deepEqual([a.id, b.id], ["a", "b"]);
  assert.deepEqual(a.metadata, { name: "a", length: 97, tags: ["a", "all"] });
  assert.equal(a.data, "text a");
  if (type !== "SPARSE") assert.deepEqual(b.vector, [0, 1]);
  if (type !== "DENSE") assert.deepEqual(b.sparseVector, sparse.b);
  assert.deepEqual(ids(await index.fetch({ prefix: "a" }, ns())), ["a"]);
  await index.upsert({ id: 7, ...parts("a") }, ns());
  assert.deepEqual(ids(await index.fetch([7], ns())), ["7"]);
});

test("query, with filter", async () => {
  await fill();
  const matches = await index.query({ ...parts("a"), topK: 2, includeMetadata: true }, ns());
  assert.deepEqual(ids(matches), ["a", "c"]);
  assert.ok(matches[0].score > matches[1].score);
  assert.equal(matches[0].metadata.name, "a");
  const filtered = await index.query({ ...parts("a"), topK: 3, filter: "tags CONTAINS 'b' OR length > 98" }, ns());
  assert.deepEqual(ids(filtered).sort(), type === "SPARSE" ? ["c"] : ["b", "c"]);
});

test("queryMany", async () => {
  await fill();
  const many = await index.queryMany([{ ...parts("a"), topK: 1 }, { ...parts("b"), topK: 1 }], ns());
  assert.deepEqual(many.map(ids), [["a"], ["b"]]);
});

test("resumableQuery", async () => {
  await fill();
  const { result, fetchNext, stop } = await index.resumableQuery({ ...parts("c"), topK: 1, maxIdle: 60 }, ns());
  assert.deepEqual(ids(result), ["c"]);
  assert.equal((await fetchNext(1)).length, 1);
  assert.equal((await fetchNext(5)).length, 1);
  assert.deepEqual(await fetchNext(5), []);
  assert.equal(await stop(), "Success");
  await assert.rejects(async () => fetchNext(1), /already been stopped/);
});

test("range", async () => {
  await fill();
  const first = await index.range({ cursor: 0, limit: 2, includeMetadata: true }, ns());
  assert.deepEqual(ids(first.vectors), ["a", "b"]);
  const second = await index.range({ cursor: first.nextCursor, limit: 2 }, ns());
  assert.deepEqual([ids(second.vectors), second.nextCursor], [["c"], ""]);
});

test("update", async () => {
  await fill();
  assert.deepEqual(await index.update({ id: "a", metadata: { name: null, x: 1 }, metadataUpdateMode: "PATCH" }, ns()), { updated: 1 });
  assert.deepEqual(await index.update({ id: "a", ...parts("b") }, ns()), { updated: 1 });
  assert.deepEqual(await index.update({ id: "none", data: "x" }, ns()), { updated: 0 });
  const [a] = await index.fetch(["a"], { includeMetadata: true, ...ns() });
  assert.deepEqual(a.metadata, { length: 97, tags: ["a", "all"], x: 1 });
});

test("delete", async () => {
  await fill();
  assert.deepEqual(await index.delete({ filter: "name = 'a'" }, ns()), { deleted: 1 });
  assert.deepEqual(await index.delete({ prefix: "b" }, ns()), { deleted: 1 });
  assert.deepEqual(await index.delete({ ids: ["c", "none"] }, ns()), { deleted: 1 });
  await fill();
  assert.deepEqual(await index.delete("a", ns()), { deleted: 1 });
  assert.deepEqual(await index.delete(["b", "c"], ns()), { deleted: 2 });
});

test("info, namespaces, reset", async () => {
  await fill();
  const info = await index.info();
  assert.equal(info.indexType, type);
  assert.equal(info.namespaces[namespace].vectorCount, 3);
  assert.ok((await index.listNamespaces()).includes(namespace));
  assert.equal(await index.reset(ns()), "Success");
  assert.equal((await index.info()).vectorCount, 0);
  assert.equal(await index.deleteNamespace(namespace), "Success");
  assert.deepEqual(await index.listNamespaces(), [""]);
  await assert.rejects(index.deleteNamespace(namespace), /does not exist/);
});

test("text", async () => {
  await index.reset({ all: true });
  await index.upsert([{ id: "fox", data: "quick brown foxes jump" }, { id: "tax", data: "income tax forms" }], ns());
  const matches = await index.query({ data: "a fox that jumps", topK: 1, includeData: true }, ns());
  assert.deepEqual([matches[0].id, matches[0].data], ["fox", "quick brown foxes jump"]);
  const { result, stop } = await index.resumableQuery({ data: "taxes", topK: 1, maxIdle: 60 }, ns());
  assert.deepEqual(ids(result), ["tax"]);
  await stop();
});

test("scores are those of the service", async () => {
  await fill();
  const matches = await index.query({ ...parts("a"), topK: 3 }, ns());
  // "b" shares no sparse dimension with "a"; HYBRID: RRF with ranks from 0, a and c are first and second in both lists
  const expected = {
    DENSE: [["a", 1], ["c", 0.8], ["b", 0.5]],
    SPARSE: [["a", 1], ["c", 0.6]],
    HYBRID: [["a", Math.fround(2 / 60)], ["c", Math.fround(2 / 61)], ["b", Math.fround(1 / 62)]],
  }[type];
  assert.deepEqual(matches.map(({ id, score }) => [id, Math.fround(score)]), expected.map(([id, score]) => [id, Math.fround(score)]));
});

test("a resumable query of an unknown namespace is empty", async () => {
  const query = { ...parts("a"), topK: 1, maxIdle: 60 };
  const { result, fetchNext } = await index.resumableQuery(query, { namespace: "unknown" });
  assert.deepEqual(result, []);
  await assert.rejects(async () => fetchNext(1), /already been stopped/); // the SDK sends nothing
});

test("errors have the message of the service", async () => {
  if (type !== "SPARSE") {
    await assert.rejects(index.upsert({ id: "x", ...parts("a"), vector: [1] }), /Invalid vector dimension: 1, expected: 2/);
  }
  await assert.rejects(index.query({ ...parts("a"), topK: 1, filter: "name = " }), /Invalid filter. At line 1:6/);
  const unauthorized = new Index({ url: process.env.UPSTASH_VECTOR_REST_URL, token: "wrong", retry: false });
  await assert.rejects(unauthorized.info(), /Unauthorized: Invalid auth token/);
});
