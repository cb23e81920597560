// A reader of MIP bundles for Node: verifies a bundle and lists its memories. MIP.md specifies what it checks.
//
//     tsc -p interchange/node --outDir build/mip && node build/mip/mip.js verify bundle.tar --key ed25519:…
//     node build/mip/mip.js list bundle.tar --key ed25519:…
//
// It needs nothing but Node 18. As a library: `verify(open(path), keys)`, `items(bundle)`.
import { createHash, createPublicKey, verify as verifySignature } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

const LIMITS = { json: 2 << 20, line: 2 << 20, chunk: 8 << 20, depth: 32, layers: 10_000, signatures: 16, fields: 128 };
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_EMPTY = "application/vnd.oci.empty.v1+json";
const ENVELOPE = "application/vnd.dsse.envelope.v1+json";
const kind = (name: string) => `application/vnd.mip.${name}`;
const BUNDLE = kind("bundle.v1+json");
const DESCRIPTOR = kind("descriptor.v1+json");
const ITEMS = kind("items.v1+jsonl");
const DELETED = kind("deleted.v1+jsonl");
const GAPS = kind("gaps.v1+jsonl");
const REDACTIONS = kind("redactions.v1+jsonl");
const ORIGIN = kind("origin.v1+json");
const PROVENANCE = kind("prov.v1+json");
const POLICY = kind("policy.v1+cedar");
const LINES = [ITEMS, DELETED, GAPS, REDACTIONS];
const RECORDS = new Map(["vectors", "kv", "lora"].map((one) => [kind(`${one}.v1+json`), kind(`${one}.v1.safetensors`)]));
const TENSORS = new Set(RECORDS.values());
const CRITICAL = new Set([
  "mip", "cube", "issuer", "epoch", "seq", "parent", "created_at", "items", "deleted", "derived", "policy", "critical",
  "generator", ...LINES, ORIGIN, PROVENANCE, POLICY, ...RECORDS.keys(), ...TENSORS,
]);
const HEADER = new Set([
  "id", "version", "type", "form", "status", "confidence", "derived_from", "critical", "_sd", "visibility",
  "sensitivity", "merged_into", "superseded_by", "recorded_at", "created_at", "valid_from", "valid_to", "expires_at",
]);
const FIELDS = new Set([
  "memory", "key", "user_id", "agent_id", "run_id", "session_id", "reasoning", "tags", "info", "sources", "usage",
]);

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Fields = { [name: string]: Json };
export interface Blob { digest: string; size: number; mediaType: string }
export interface Known { epoch: number; seq: number; bundle: string }
export interface Item { header: Fields; fields: Fields; withheld: string[]; raw: Buffer; disclosures: Buffer[] }
export interface Report {
  bundle: string; cube: string; epoch: number; seq: { from: number; to: number }; parent: string | null; created_at: string; key: string;
  origin_key: string; root: string; count: number; present: number; disclosures: number; redacted: number;
  withheld: number; deleted: number;
}

/** What a bundle is refused with: `where` names the part that is to blame. */
export class MipError extends Error {
  constructor(readonly where: string, problem: string) { super(`${where}: ${problem}`); }
}
function need(good: unknown, where: string, problem: string): asserts good {
  if (!good) throw new MipError(where, problem);
}

const sha256 = (...parts: Buffer[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

// --- JSON, strictly -------------------------------------------------------------------------------------------------

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;

/** One reading of every text: no name twice, no number that is not finite or beyond 2^53, no half characters. */
export function parse(data: Buffer, where: string, most = LIMITS.json): Json {
  need(data.length <= most, where, `${data.length} bytes, the limit is ${most}`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new MipError(where, "is not valid UTF-8");
  }
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) return undefined;
    at += found[0].length;
    return found[0];
  };
  const take = (character: string): boolean => {
    match(SPACE);
    if (text[at] !== character) return false;
    at += 1;
    return true;
  };
  const string = (): string => {
    match(SPACE);
    const found = match(STRING);
    need(found !== undefined, where, "is no JSON");
    const value = JSON.parse(found) as string;
    need((value as unknown as { isWellFormed?: () => boolean }).isWellFormed?.() ?? !/[\ud800-\udfff]/u.test(value),
      where, "is not valid Unicode");
    return value;
  };
  const value = (depth: number): Json => {
    need(depth <= LIMITS.depth, where, `is nested deeper than ${LIMITS.depth}`);
    match(SPACE);
    if (take("{")) {
      const found: Fields = Object.create(null) as Fields;
      if (take("}")) return found;
      do {
        const name = string();
        need(!(name in found), where, `has the name ${name.slice(0, 64)} twice`);
        need(take(":"), where, "is no JSON");
        found[name] = value(depth + 1);
      } while (take(","));
      need(take("}"), where, "is no JSON");
      return found;
    }
    if (take("[")) {
      const found: Json[] = [];
      if (take("]")) return found;
      do found.push(value(depth + 1)); while (take(","));
      need(take("]"), where, "is no JSON");
      return found;
    }
    if (text[at] === '"') return string();
    for (const [word, meant] of [["true", true], ["false", false], ["null", null]] as const) {
      if (text.startsWith(word, at)) { at += word.length; return meant; }
    }
    const written = match(NUMBER);
    need(written !== undefined, where, "is no JSON");
    const number = Number(written);
    need(Number.isFinite(number), where, "has a number that is not finite");
    need(/[.eE]/.test(written) || Math.abs(number) <= 2 ** 53, where, "has a whole number beyond 2^53");
    return number;
  };
  const found = value(1);
  match(SPACE);
  need(at === text.length, where, "is no JSON");
  return found;
}

function object(value: Json | undefined, where: string): Fields {
  need(value !== null && typeof value === "object" && !Array.isArray(value), where, "is no JSON object");
  return value as Fields;
}
const parseObject = (data: Buffer, where: string, most?: number): Fields => object(parse(data, where, most), where);
const whole = (value: Json | undefined, least = 0): value is number => Number.isInteger(value) && (value as number) >= least;
function exactly(fields: Fields, names: string[], where: string, optional: string[] = []): void {
  for (const name of names) need(name in fields, where, `lacks ${name}`);
  for (const name of Object.keys(fields)) need(names.includes(name) || optional.includes(name), where, `has ${name}`);
}
const same = (one: Json | undefined, other: Json | undefined): boolean => sorted(one) === sorted(other);
function sorted(value: Json | undefined): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map(sorted).join()}]`;
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${sorted(value[name])}`).join()}}`;
}

// --- blobs ----------------------------------------------------------------------------------------------------------

interface Source { small(name: string): Buffer; blob(digits: string, size: number): Buffer }

/** A folder, without following links. */
function folderSource(root: string): Source {
  for (const one of ["blobs", "blobs/sha256"]) {
    const found = fs.lstatSync(path.join(root, one), { throwIfNoEntry: false });
    need(found?.isDirectory(), "bundle", `${root} is no OCI image layout`);
  }
  const read = (name: string, size: number | undefined): Buffer => {
    const file = path.join(root, name);
    const found = fs.lstatSync(file, { throwIfNoEntry: false });
    need(found && found.isFile(), `bundle.${name}`, "is missing, or no plain file");
    need(size === undefined ? found.size <= LIMITS.json : found.size === size, `bundle.${name}`, "has another size");
    return fs.readFileSync(file);
  };
  return { small: (name) => read(name, undefined), blob: (digits, size) => read(`blobs/sha256/${digits}`, size) };
}

/** A POSIX ustar file of plain entries of the one layout, and nothing else. */
function tarSource(file: string): Source {
  const data = fs.readFileSync(file);
  const entries = new Map<string, Buffer>();
  const zero = (start: number, end: number) => data.subarray(start, end).every((byte) => byte === 0);
  let at = 0;
  while (at + 512 <= data.length && !zero(at, at + 512)) {
    const block = data.subarray(at, at + 512);
    const name = block.subarray(0, 100).toString("latin1").replace(/\0+$/, "");
    const folder = block[156] === 0x35;
    need(block[156] === 0x30 || folder, "bundle.tar", "has an entry that is no plain file");
    need(zero(at + 157, at + 257) && zero(at + 345, at + 512), "bundle.tar", "has an entry that is no plain file");
    need(folder ? ["blobs/", "blobs/sha256/"].includes(name) : /^(oci-layout|index\.json|blobs\/sha256\/[0-9a-f]{64})$/.test(name),
      "bundle.tar", "has an entry that no bundle has");
    need(block.subarray(257, 265).toString("latin1") === "ustar\u000000", "bundle.tar", "is no ustar file");
    let sum = 8 * 32;
    for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += block[i];
    need(block.subarray(148, 156).toString("latin1") === `${sum.toString(8).padStart(6, "0")}\0 `, "bundle.tar", "has a damaged header");
    const size = /^([0-7]{11})\0$/.exec(block.subarray(124, 136).toString("latin1"));
    need(size && !(folder && Number(size[1])), "bundle.tar", "has an entry of no size");
    const length = parseInt(size[1], 8);
    const end = at + 512 + Math.ceil(length / 512) * 512;
    need(end <= data.length && zero(at + 512 + length, end) && !entries.has(name), "bundle.tar", "ends early, or has an entry twice");
    entries.set(name, data.subarray(at + 512, at + 512 + length));
    at = end;
  }
  need(data.length % 512 === 0 && data.length - at >= 1024 && data.length - at <= 64 * 512 && zero(at, data.length),
    "bundle.tar", "does not end as a tar file does");
  const read = (name: string): Buffer => {
    const found = entries.get(name);
    need(found, `bundle.${name}`, "is missing");
    return found;
  };
  return {
    small: (name) => { const found = read(name); need(found.length <= LIMITS.json, `bundle.${name}`, "is too large"); return found; },
    blob: (digits, size) => { const found = read(`blobs/sha256/${digits}`); need(found.length === size, `bundle.blobs.${digits}`, "has another size"); return found; },
  };
}

function blobOf(value: Json | undefined, where: string, more: string[] = []): Blob {
  const fields = object(value, where);
  exactly(fields, ["mediaType", "digest", "size"], where, ["annotations", ...more]);
  const { digest, size, mediaType } = fields;
  need(typeof digest === "string" && /^sha256:[0-9a-f]{64}$/.test(digest), `${where}.digest`, "is not sha256: and 64 digits");
  need(whole(size) && size <= 2 ** 50, `${where}.size`, "is no size");
  need(typeof mediaType === "string" && /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/.test(mediaType),
    `${where}.mediaType`, "is no media type");
  if ("annotations" in fields) {
    need(Object.values(object(fields.annotations, where)).every((one) => typeof one === "string"), where, "has annotations that are no texts");
  }
  return { digest, size, mediaType };
}

// --- a bundle -------------------------------------------------------------------------------------------------------

export interface Bundle {
  blob: Blob; config: Blob; layers: Blob[]; descriptor: Fields; envelopes: Buffer[]; read(blob: Blob, most?: number): Buffer;
}

function manifest(document: Fields, where: string, artifact: string): void {
  need(document.schemaVersion === 2 && document.mediaType === OCI_MANIFEST && document.artifactType === artifact, where, `is no manifest of ${artifact}`);
}

/** Opens a bundle and holds every blob against its digest. No signature is looked at: see `verify`. */
export function open(place: string): Bundle {
  const source = fs.statSync(place).isDirectory() ? folderSource(place) : tarSource(place);
  const read = (blob: Blob, most = LIMITS.json): Buffer => {
    need(blob.size <= most, `bundle.blobs.${blob.digest}`, `${blob.size} bytes, the limit is ${most}`);
    const data = source.blob(blob.digest.slice(7), blob.size);
    need(sha256(data).toString("hex") === blob.digest.slice(7), `bundle.blobs.${blob.digest}`, "does not have the bytes that its digest names");
    return data;
  };
  need(source.small("oci-layout").toString() === '{"imageLayoutVersion":"1.0.0"}', "bundle.oci-layout", "is another");
  const index = parseObject(source.small("index.json"), "bundle.index");
  exactly(index, ["schemaVersion", "mediaType", "manifests"], "bundle.index", ["annotations"]);
  need(index.schemaVersion === 2 && index.mediaType === OCI_INDEX && Array.isArray(index.manifests) &&
    index.manifests.length <= LIMITS.signatures + 1, "bundle.index", "is no index of a bundle");
  const bundles: Blob[] = [], signatures: Blob[] = [];
  for (const entry of index.manifests as Json[]) {
    const blob = blobOf(entry, "bundle.index.manifests", ["artifactType"]);
    const artifact = (entry as Fields).artifactType;
    need(blob.mediaType === OCI_MANIFEST && (artifact === BUNDLE || artifact === ENVELOPE), "bundle.index.manifests", "is neither a bundle nor a signature");
    (artifact === BUNDLE ? bundles : signatures).push(blob);
  }
  need(bundles.length === 1, "bundle.index.manifests", `name ${bundles.length} bundles`);
  const document = parseObject(read(bundles[0]), "bundle.manifest");
  manifest(document, "bundle.manifest", BUNDLE);
  need(!("subject" in document) && Array.isArray(document.layers) && document.layers.length <= LIMITS.layers, "bundle.manifest", "is no manifest of a bundle");
  const config = blobOf(document.config, "bundle.manifest.config");
  need(config.mediaType === DESCRIPTOR, "bundle.manifest.config", "is no descriptor");
  const layers = document.layers.map((layer, i) => blobOf(layer, `bundle.manifest.layers[${i}]`));
  const envelopes = signatures.map((signature) => {
    const found = parseObject(read(signature), "bundle.signature");
    exactly(found, ["schemaVersion", "mediaType", "artifactType", "config", "layers", "subject"], "bundle.signature");
    manifest(found, "bundle.signature", ENVELOPE);
    need(same(blobOf(found.subject, "bundle.signature") as unknown as Json, bundles[0] as unknown as Json), "bundle.signature.subject", "is not this bundle");
    const empty = blobOf(found.config, "bundle.signature");
    need(empty.mediaType === OCI_EMPTY && read(empty).toString() === "{}", "bundle.signature.config", "is not empty");
    const inside = found.layers;
    need(Array.isArray(inside) && inside.length === 1, "bundle.signature.layers", "are not one envelope");
    const envelope = blobOf(inside[0], "bundle.signature");
    need(envelope.mediaType === ENVELOPE, "bundle.signature", "is no envelope");
    return read(envelope);
  });
  const descriptor = readDescriptor(parseObject(read(config), "bundle.descriptor"));
  const bundle: Bundle = { blob: bundles[0], config, layers, descriptor, envelopes, read };
  for (const layer of layers) {
    const lines = LINES.includes(layer.mediaType);
    const small = RECORDS.has(layer.mediaType) || [ORIGIN, PROVENANCE, POLICY].includes(layer.mediaType);
    const data = read(layer, lines ? LIMITS.chunk : small ? LIMITS.json : Infinity);
    if (TENSORS.has(layer.mediaType)) checkTensors(data);
  }
  return bundle;
}

function readDescriptor(about: Fields): Fields {
  const where = "bundle.descriptor";
  need(typeof about.mip === "string" && /^1\.\d{1,4}$/.test(about.mip), `${where}.mip`, "is no version that is known");
  const cube = object(about.cube, `${where}.cube`);
  exactly(cube, ["id"], `${where}.cube`, ["description", "config"]);
  need(typeof cube.id === "string" && cube.id.length > 0, `${where}.cube.id`, "is no id");
  need(typeof about.issuer === "string", `${where}.issuer`, "is no key");
  rawKey(about.issuer as string);
  need(whole(about.epoch), `${where}.epoch`, "is no number");
  const seq = object(about.seq, `${where}.seq`);
  exactly(seq, ["from", "to"], `${where}.seq`);
  need(whole(seq.from) && whole(seq.to), `${where}.seq`, "is no range");
  need(about.parent === undefined || /^sha256:[0-9a-f]{64}$/.test(String(about.parent)), `${where}.parent`, "is no digest");
  need(typeof about.created_at === "string" && /^\d{4}-\d\d-\d\d[T ].*(Z|[+-]\d\d:?\d\d)$/.test(about.created_at) &&
    !Number.isNaN(Date.parse(about.created_at)), `${where}.created_at`, "is no time with a zone");
  const items = object(about.items, `${where}.items`);
  exactly(items, ["count", "present", "disclosures", "decoys", "root"], `${where}.items`);
  need([items.count, items.present, items.disclosures, items.decoys].every((one) => whole(one)) &&
    /^[0-9a-f]{64}$/.test(String(items.root)), `${where}.items`, "are not counted");
  if (about.derived !== undefined) {
    const derived = object(about.derived, `${where}.derived`);
    exactly(derived, ["kind", "origin", "gaps", "redactions"], `${where}.derived`);
    need(["redaction", "selection"].includes(String(derived.kind)) && typeof derived.gaps === "boolean" && whole(derived.redactions), `${where}.derived`, "is of no kind");
  }
  const critical = about.critical ?? [];
  need(Array.isArray(critical), `${where}.critical`, "is no list");
  for (const name of critical) need(CRITICAL.has(String(name)), `${where}.critical`, `names ${String(name).slice(0, 64)}, which is not understood here`);
  return about;
}

const BITS: { [name: string]: number } = {
  BOOL: 8, U8: 8, I8: 8, F8_E4M3: 8, F8_E5M2: 8, U16: 16, I16: 16, F16: 16, BF16: 16, U32: 32, I32: 32, F32: 32, U64: 64, I64: 64, F64: 64,
};

function checkTensors(data: Buffer): void {
  const where = "bundle.tensors";
  need(data.length >= 8, where, "is no safetensors file");
  const length = data.readBigUInt64LE();
  need(length <= 16n << 20n && 8n + length <= BigInt(data.length), where, "has a header over its limit");
  const end = 8 + Number(length);
  const header = parseObject(data.subarray(8, end), where, 16 << 20);
  const ranges: [number, number][] = [];
  for (const [name, plain] of Object.entries(header)) {
    const fields = object(plain, where);
    if (name === "__metadata__") {
      need(Object.values(fields).every((one) => typeof one === "string"), where, "has metadata that are no texts");
      continue;
    }
    exactly(fields, ["dtype", "shape", "data_offsets"], where);
    const { dtype, shape, data_offsets: offsets } = fields;
    need(typeof dtype === "string" && Object.hasOwn(BITS, dtype) && Array.isArray(shape) && shape.length <= 16 &&
      Array.isArray(offsets) && offsets.length === 2 && [...shape, ...offsets].every((one) => whole(one)), where, "has what is no tensor");
    const size = (shape as number[]).reduce((product, one) => product * BigInt(one), 1n) * BigInt(BITS[dtype]) / 8n;
    need(BigInt((offsets[1] as number) - (offsets[0] as number)) === size, where, "has other bytes than its shape needs");
    ranges.push(offsets as [number, number]);
  }
  let at = 0;
  for (const [start, stop] of ranges.sort((one, other) => one[0] - other[0] || one[1] - other[1])) {
    need(start === at, where, "has tensors that overlap, or a hole between them");
    at = stop;
  }
  need(end + at === data.length, where, "has bytes behind its tensors");
}

// --- lines ----------------------------------------------------------------------------------------------------------

function* lines(bundle: Bundle, media: string): Generator<Buffer> {
  for (const layer of bundle.layers.filter((one) => one.mediaType === media)) {
    const chunk = bundle.read(layer, LIMITS.chunk);
    need(chunk.length > 0 && chunk[chunk.length - 1] === 10, "bundle.lines", "do not end with the last one");
    for (let start = 0; start < chunk.length;) {
      const end = chunk.indexOf(10, start);
      need(end > start && end - start <= LIMITS.line, "bundle.lines", "hold an empty one, or one over its limit");
      yield chunk.subarray(start, end);
      start = end + 1;
    }
  }
}

const digestOf = (line: Buffer): string => sha256(line).toString("base64url");

function readHeader(line: Buffer): Fields {
  const where = "bundle.item";
  const header = parseObject(line, where, LIMITS.line);
  const text = (value: Json | undefined) => typeof value === "string" && value.length > 0 && [...value].length <= 256;
  need(text(header.id) && text(header.type) && whole(header.version, 1) && header.version < 2 ** 32, where, "has no id, type or version");
  const digests = header._sd;
  need(Array.isArray(digests) && digests.length <= LIMITS.fields && digests.every((one) => typeof one === "string" && one.length === 43) &&
    new Set(digests).size === digests.length, `${where}._sd`, "is no list of digests");
  const critical = header.critical ?? [];
  need(Array.isArray(critical) && critical.every((name) => HEADER.has(String(name)) || FIELDS.has(String(name))), `${where}.critical`, "names what is not understood here");
  const { confidence } = header;
  need(confidence === undefined || (typeof confidence === "number" && confidence >= 0 && confidence <= 1), `${where}.confidence`, "is no number from 0 to 1");
  return header;
}

function itemOf(raw: Buffer, disclosures: Buffer[]): Item {
  const where = "bundle.item";
  const header = readHeader(raw);
  const left = new Set(header._sd as string[]);
  const fields: Fields = Object.create(null) as Fields;
  for (const line of disclosures) {
    need(left.delete(digestOf(line)), `${where}._sd`, "does not name a disclosure that follows it");
    const found = parse(line, where, LIMITS.line);
    need(Array.isArray(found) && found.length === 3 && typeof found[0] === "string" && typeof found[1] === "string", where, "has a disclosure that is not [salt, name, value]");
    need(!(found[1] in fields) && !HEADER.has(found[1]), where, `discloses ${found[1].slice(0, 64)} though it is there already`);
    fields[found[1]] = found[2];
  }
  return { header, fields, withheld: [...left], raw, disclosures };
}

/** The memories, in the order of the bytes of their ids. */
export function* items(bundle: Bundle): Generator<Item> {
  let raw: Buffer | undefined;
  let disclosures: Buffer[] = [];
  let last = Buffer.alloc(0);
  const done = (): Item => {
    const item = itemOf(raw as Buffer, disclosures);
    const id = Buffer.from(item.header.id as string);
    need(Buffer.compare(id, last) > 0, "bundle.item.id", "is not behind the one before it");
    last = id;
    return item;
  };
  for (const line of lines(bundle, ITEMS)) {
    if (line[0] === 0x7b) {
      if (raw) yield done();
      raw = line;
      disclosures = [];
    } else {
      need(line[0] === 0x5b && raw && disclosures.length < LIMITS.fields, "bundle.item", "has a line that is neither a header nor a disclosure behind one");
      disclosures.push(line);
    }
  }
  if (raw) yield done();
}

// --- verification ---------------------------------------------------------------------------------------------------

/** RFC 9162's tree, grown to the right; a subtree that is not there is appended by its hash. */
export class Tree {
  size = 0;
  #stack: [number, Buffer][] = [];
  add(at: number, size: number, digest: Buffer): void {
    need(at === this.size && size >= 1 && Number.isInteger(Math.log2(size)) && at % size === 0 && digest.length === 32, "bundle.gaps", `a subtree of ${size} leaves cannot be at leaf ${at}`);
    this.size += size;
    for (let top = this.#stack.at(-1); top && top[0] === size && (this.size - 2 * size) % (2 * size) === 0; top = this.#stack.at(-1)) {
      this.#stack.pop();
      digest = sha256(Buffer.of(1), top[1], digest);
      size *= 2;
    }
    this.#stack.push([size, digest]);
  }
  get root(): string {
    if (!this.#stack.length) return sha256().toString("hex");
    return this.#stack.map(([, digest]) => digest).reduceRight((right, left) => sha256(Buffer.of(1), left, right)).toString("hex");
  }
}

function rawKey(text: string): Buffer {
  const found = /^ed25519:([A-Za-z0-9_-]{43})$/.exec(text);
  need(found, "key", "is not of the form ed25519:…");
  const raw = Buffer.from(found[1], "base64url");
  need(raw.length === 32 && raw.toString("base64url") === found[1], "key", "is not of the form ed25519:…");
  return raw;
}

function base64(value: Json | undefined, where: string): Buffer {
  const data = Buffer.from(String(value), "base64");
  need(typeof value === "string" && data.toString("base64") === value, where, "is no base64");
  return data;
}

/** Who of `keys` signed the envelope, about which digest, and what is said of it. */
function openEnvelope(data: Buffer, keys: string[], where: string): { key: string; subject: string; said: Fields } {
  const envelope = parseObject(data, where);
  exactly(envelope, ["payloadType", "payload", "signatures"], where);
  need(envelope.payloadType === "application/vnd.in-toto+json", where, "is no envelope of an in-toto statement");
  const payload = base64(envelope.payload, where);
  const message = Buffer.concat([Buffer.from(`DSSEv1 ${String(envelope.payloadType).length} ${String(envelope.payloadType)} ${payload.length} `), payload]);
  need(Array.isArray(envelope.signatures) && envelope.signatures.length >= 1 && envelope.signatures.length <= LIMITS.signatures, where, "has no signatures");
  const byId = new Map(keys.map((key) => [sha256(rawKey(key)).toString("hex"), key]));
  for (const one of envelope.signatures) {
    const signature = object(one, where);
    exactly(signature, ["keyid", "sig"], where);
    const key = byId.get(String(signature.keyid));
    if (key === undefined) continue;
    const jwk = { kty: "OKP", crv: "Ed25519", x: rawKey(key).toString("base64url") };
    need(verifySignature(null, message, createPublicKey({ key: jwk, format: "jwk" }), base64(signature.sig, where)), where, `has a signature in the name of ${key} that is not of that key`);
    const statement = parseObject(payload, where);
    const subjects = statement.subject;
    need(statement._type === "https://in-toto.io/Statement/v1" && statement.predicateType === "urn:mip:bundle:v1" && Array.isArray(subjects) && subjects.length === 1, where, "is no statement about one bundle");
    const digest = object(object(subjects[0], where).digest, where).sha256;
    need(typeof digest === "string", where, "is no statement about one bundle");
    return { key, subject: `sha256:${digest}`, said: object(statement.predicate, where) };
  }
  throw new MipError(where, "is signed by none of the keys that are trusted here");
}

function predicateOf(bundle: Bundle): Fields {
  const about = bundle.descriptor;
  const { count, disclosures, decoys, root } = about.items as Fields;
  return {
    mip: about.mip, descriptor: bundle.config.digest, cube: (about.cube as Fields).id, epoch: about.epoch, seq: about.seq,
    parent: about.parent ?? null, items: { count, disclosures, decoys, root },
  };
}

/** Checks all of a bundle; throws MipError for whatever is wrong with it, or older than `known`. */
export function verify(bundle: Bundle, keys: string[], known?: Known): Report {
  const about = bundle.descriptor;
  const ours = predicateOf(bundle);
  need(bundle.envelopes.length, "bundle.signature", "is missing");
  let signed: ReturnType<typeof openEnvelope> | undefined;
  let failure: unknown;
  for (const envelope of bundle.envelopes) {
    try { signed = openEnvelope(envelope, keys, "bundle.signature"); break; } catch (error) { failure = error; }
  }
  if (!signed) throw failure;
  need(signed.subject === bundle.blob.digest, "bundle.signature", "is of another bundle");
  need(same(signed.said, ours), "bundle.signature", "says something else of the bundle than it does itself");
  need(signed.key === about.issuer, "bundle.descriptor.issuer", "is not who signed the bundle");
  let originKey = signed.key;
  const derived = about.derived as Fields | undefined;
  const origins = bundle.layers.filter((layer) => layer.mediaType === ORIGIN);
  need(derived ? origins.length === 1 && origins[0].digest === derived.origin : !origins.length, "bundle.descriptor.derived", "does not name the one origin of the bundle");
  if (derived) {
    const origin = openEnvelope(bundle.read(origins[0]), keys, "bundle.origin");
    for (const name of ["mip", "cube", "epoch", "seq", "items"]) need(same(origin.said[name], ours[name]), `bundle.origin.${name}`, "is not that of the bundle derived from it");
    originKey = origin.key;
  }
  const seq = about.seq as { from: number; to: number };
  const parent = (about.parent as string | undefined) ?? null;
  if (known && known.bundle !== bundle.blob.digest) {
    need((about.epoch as number) >= known.epoch && seq.to >= known.seq, "bundle", "is older than what is known");
    need(parent === null || parent === known.bundle, "bundle", "is a change of another state than is known");
  }
  const tally = checkItems(bundle);
  const counted = about.items as { count: number; present: number; disclosures: number; decoys: number; root: string };
  need(tally.root === counted.root && tally.count === counted.count, "bundle.descriptor.items.root", "is not the root of the tree over the items");
  need(tally.present === counted.present, "bundle.descriptor.items.present", "is not how many there are");
  need(tally.redacted === (derived?.redactions ?? 0), "bundle.redactions", "are not as many as the descriptor says");
  need((tally.gaps > 0) === (derived?.gaps ?? false), "bundle.gaps", "are not as the descriptor says");
  need(counted.decoys || !tally.withheld, "bundle.item", "lacks fields without a certificate");
  need(tally.gaps || tally.disclosures + tally.redacted === counted.disclosures, "bundle.descriptor.items.disclosures", "are not as many as there are");
  let deleted = 0;
  for (const line of lines(bundle, DELETED)) {
    const one = parseObject(line, "bundle.deleted", LIMITS.line);
    exactly(one, ["id", "version"], "bundle.deleted");
    need(typeof one.id === "string" && Number.isInteger(one.version), "bundle.deleted", "has a line that is no id and version");
    deleted += 1;
  }
  need(deleted === (about.deleted ?? 0) && (!deleted || parent), "bundle.descriptor.deleted", "is not how many there are");
  const policies = bundle.layers.filter((layer) => layer.mediaType === POLICY);
  need(policies.length <= 1 && policies[0]?.digest === about.policy, "bundle.descriptor.policy", "is not the one policy of the bundle");
  for (const layer of bundle.layers) {
    const inside = RECORDS.get(layer.mediaType);
    if (inside) {
      const record = parseObject(bundle.read(layer), "bundle.record");
      need(bundle.layers.some((one) => one.mediaType === inside && one.digest === record.tensors), "bundle.record.tensors", "are not in the bundle");
    } else if (layer.mediaType === PROVENANCE) {
      parseObject(bundle.read(layer), "bundle.prov");
    }
  }
  return {
    bundle: bundle.blob.digest, cube: (about.cube as Fields).id as string, epoch: about.epoch as number, seq, parent,
    created_at: about.created_at as string, key: signed.key,
    origin_key: originKey, root: counted.root, count: counted.count, present: tally.present, disclosures: tally.disclosures,
    redacted: tally.redacted, withheld: tally.withheld, deleted,
  };
}

function checkItems(bundle: Bundle) {
  const tree = new Tree();
  const tally = { present: 0, disclosures: 0, redacted: 0, withheld: 0, gaps: 0, root: "", count: 0 };
  const gaps = lines(bundle, GAPS), redactions = lines(bundle, REDACTIONS);
  const nextGap = () => {
    const { value, done } = gaps.next();
    if (done) return undefined;
    const gap = parseObject(value, "bundle.gaps", LIMITS.line);
    exactly(gap, ["at", "size", "hash"], "bundle.gaps");
    need(whole(gap.at) && whole(gap.size, 1) && /^[0-9a-f]{64}$/.test(String(gap.hash)), "bundle.gaps", "has a line that is no subtree");
    return { at: gap.at, size: gap.size, hash: Buffer.from(gap.hash as string, "hex") };
  };
  const nextRedaction = () => {
    const { value, done } = redactions.next();
    if (done) return undefined;
    const one = parseObject(value, "bundle.redactions", LIMITS.line);
    exactly(one, ["at", "leaf", "field", "reason", "by", "time"], "bundle.redactions");
    need(whole(one.at) && ["leaf", "field", "reason", "by", "time"].every((name) => typeof one[name] === "string"), "bundle.redactions", "has a line that is no certificate");
    return one as { at: number; leaf: string; field: string };
  };
  let gap = nextGap(), redaction = nextRedaction();
  const takeGap = () => { tree.add(gap!.at, gap!.size, gap!.hash); tally.gaps += 1; gap = nextGap(); };
  for (const item of items(bundle)) {
    while (gap && gap.at === tree.size) takeGap();
    const at = tree.size;
    const leaf = sha256(Buffer.of(0), item.raw);
    tree.add(at, 1, leaf);
    const withheld = new Set(item.withheld);
    for (; redaction && redaction.at === at; redaction = nextRedaction()) {
      need(redaction.leaf === leaf.toString("hex") && withheld.delete(redaction.field), "bundle.redactions", `are not of fields that leaf ${at} lacks`);
      tally.redacted += 1;
    }
    tally.present += 1;
    tally.disclosures += item.disclosures.length;
    tally.withheld += withheld.size;
  }
  while (gap) takeGap();
  need(!redaction, "bundle.redactions", "are of a leaf that is not there, or in no order");
  return { ...tally, root: tree.root, count: tree.size };
}

// --- command line ---------------------------------------------------------------------------------------------------

function main(args: string[]): number {
  const keys: string[] = [];
  const words: string[] = [];
  let known: Known | undefined;
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--key") keys.push(args[++i]);
    else if (args[i] === "--known") known = JSON.parse(args[++i]) as Known;
    else words.push(args[i]);
  }
  const [command, place] = words;
  if (!["verify", "list"].includes(command) || !place || !keys.length) {
    console.error("usage: mip.js verify|list BUNDLE --key ed25519:… [--known JSON]");
    return 2;
  }
  try {
    const bundle = open(place);
    const report = verify(bundle, keys, known);
    const found = command === "verify" ? report
      : { ...report, items: [...items(bundle)].map(({ header, fields, withheld }) => ({ ...header, ...fields, _sd: undefined, withheld: withheld.length })) };
    console.log(JSON.stringify(found));
    return 0;
  } catch (error) {
    console.log(JSON.stringify({ error: error instanceof MipError ? error.message : `bundle: ${String(error)}` }));
    return 1;
  }
}

if (require.main === module) process.exit(main(process.argv.slice(2)));
