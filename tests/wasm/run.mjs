// Runs the training of a WebAssembly module and compares its hash: node run.mjs MODULE HASH
import { readFileSync } from "node:fs";

const [module, expected] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(module));
const address = instance.exports.train();
if (address === 0) throw new Error("the training failed");
const bytes = new Uint8Array(instance.exports.memory.buffer, address, 32);
const hash = Buffer.from(bytes).toString("hex");
console.log(`sha-256 ${hash}`);
if (hash !== expected) {
  console.error(`expected ${expected}`);
  process.exit(1);
}
