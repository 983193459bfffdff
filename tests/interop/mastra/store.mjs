// Usage: store.mjs upsert '{"ids": …, "vectors": …, "metadata": …}' or store.mjs query '{"queryVector": …}'. Prints the result.
import { UpstashVector } from "@mastra/upstash";

const [command, options] = process.argv.slice(2);
const store = new UpstashVector({
  id: "movies",
  url: process.env.UPSTASH_VECTOR_REST_URL,
  token: process.env.UPSTASH_VECTOR_REST_TOKEN,
});
console.log(JSON.stringify(await store[command]({ indexName: "movies", ...JSON.parse(options) })));
