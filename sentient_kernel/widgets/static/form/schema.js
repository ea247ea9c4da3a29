// @ts-check
// What kind of field a JSON schema asks for, and the schema of a value that came without one.
import { isRecord } from "./edits.js";

/** @typedef {{[key: string]: any}} Schema */
/**
 * @typedef {{kind: "text" | "number" | "flag" | "choice" | "list" | "record" | "maybe" | "json",
 *   schema: Schema, inner?: Schema}} Field
 */

const STATED = new Set([
  "title",
  "description",
  "default",
  "examples",
  "$defs",
  "definitions",
  "$schema",
]);

/**
 * Returns which field edits a value of this schema. What forms cannot do is edited as JSON.
 * @param {Schema | boolean | undefined} given
 * @param {any} value the value now, which decides where the schema leaves it open
 * @param {Schema} whole the schema that $ref points into
 * @param {number} [depth]
 * @returns {Field}
 */
export function fieldFor(given, value, whole, depth = 0) {
  const schema = resolved(given, whole);
  if (!schema || depth > 6) return { kind: "json", schema: schema ?? {} };
  const ways = schema.anyOf ?? schema.oneOf;
  if (ways) {
    const real = ways.filter((/** @type {Schema} */ way) => resolved(way, whole)?.type !== "null");
    if (real.length !== 1) return { kind: "json", schema };
    const inner = { ...resolved(real[0], whole), ...stated(schema) };
    return real.length === ways.length
      ? fieldFor(inner, value, whole, depth)
      : { kind: "maybe", schema, inner };
  }
  if (Array.isArray(schema.type)) {
    const real = schema.type.filter((/** @type {string} */ type) => type !== "null");
    if (real.length !== 1) return { kind: "json", schema };
    const inner = { ...schema, type: real[0] };
    return real.length === schema.type.length
      ? fieldFor(inner, value, whole, depth)
      : { kind: "maybe", schema, inner };
  }
  if (Array.isArray(schema.enum)) return { kind: "choice", schema };
  if ("const" in schema) return { kind: "choice", schema: { ...schema, enum: [schema.const] } };
  return { kind: kindOf(schema, value), schema };
}

/**
 * @param {Schema} schema
 * @param {any} value
 * @returns {Field["kind"]}
 */
function kindOf(schema, value) {
  const fits = (/** @type {boolean} */ ok, /** @type {Field["kind"]} */ kind) =>
    value === undefined || ok ? kind : "json";
  switch (schema.type) {
    case "string":
      return fits(typeof value === "string", "text");
    case "integer":
    case "number":
      return fits(typeof value === "number" || typeof value === "bigint", "number");
    case "boolean":
      return fits(typeof value === "boolean", "flag");
    case "array":
      return schema.items && !schema.prefixItems ? fits(Array.isArray(value), "list") : "json";
    case "object":
      return schema.properties || (isRecord(value) && Object.keys(value).length)
        ? fits(isRecord(value), "record")
        : "json";
    default:
      return "json";
  }
}

/**
 * Follows $ref and an allOf of one, and adds what is stated beside them; undefined for what cannot
 * be followed.
 * @param {Schema | boolean | undefined} given
 * @param {Schema} whole
 * @returns {Schema | undefined}
 */
function resolved(given, whole) {
  let schema = isRecord(given) ? /** @type {Schema} */ (given) : undefined;
  for (let hops = 0; schema && hops < 20; hops++) {
    /** @type {any} */
    let next;
    if (typeof schema.$ref === "string") next = pointed(schema.$ref, whole);
    else if (Array.isArray(schema.allOf) && schema.allOf.length === 1 && !schema.properties)
      next = schema.allOf[0];
    else return schema;
    schema = isRecord(next) ? { ...next, ...stated(schema) } : undefined;
  }
  return undefined;
}

/**
 * @param {string} ref
 * @param {Schema} whole
 */
function pointed(ref, whole) {
  if (!ref.startsWith("#")) return undefined; // nothing is fetched
  const names = ref
    .slice(1)
    .split("/")
    .filter(Boolean)
    .map((name) => decodeURIComponent(name).replace(/~1/g, "/").replace(/~0/g, "~"));
  return names.reduce(
    (/** @type {any} */ at, name) =>
      isRecord(at) && Object.hasOwn(at, name) ? at[name] : undefined,
    whole,
  );
}

/** @param {Schema} schema */
function stated(schema) {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => STATED.has(key)));
}

/**
 * Returns a schema that a value fits, made of its own shape: no more is known when nobody gave one.
 * @param {any} value
 * @returns {Schema}
 */
export function schemaOf(value) {
  if (typeof value === "string") return { type: "string" };
  if (typeof value === "number" || typeof value === "bigint") return { type: "number" };
  if (typeof value === "boolean") return { type: "boolean" };
  if (Array.isArray(value)) {
    const kinds = value.map(schemaOf);
    const first = JSON.stringify(kinds[0]);
    return value.length && kinds.every((kind) => JSON.stringify(kind) === first)
      ? { type: "array", items: kinds[0] }
      : {};
  }
  if (!isRecord(value)) return {};
  const properties = Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, schemaOf(part)]),
  );
  return { type: "object", properties, required: Object.keys(value) };
}

/**
 * Returns a value to begin with where there is none: the default, or the emptiest that fits.
 * @param {Schema | boolean | undefined} given
 * @param {Schema} whole
 * @param {number} [depth]
 * @returns {any}
 */
export function blank(given, whole, depth = 0) {
  const schema = resolved(given, whole) ?? {};
  if ("default" in schema) return structuredClone(schema.default);
  if ("const" in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const ways = schema.anyOf ?? schema.oneOf;
  if (ways)
    return ways.some((/** @type {Schema} */ way) => way.type === "null")
      ? null
      : blank(ways[0], whole, depth + 1);
  const type = Array.isArray(schema.type)
    ? schema.type.includes("null")
      ? "null"
      : schema.type[0]
    : schema.type;
  if (type === "string") return "";
  if (type === "number" || type === "integer") return Math.max(schema.minimum ?? 0, 0);
  if (type === "boolean") return false;
  if (type === "array") return [];
  if (type !== "object" || depth > 6) return null;
  const required = Object.entries(schema.properties ?? {}).filter(([name]) =>
    schema.required?.includes(name),
  );
  return Object.fromEntries(required.map(([name, part]) => [name, blank(part, whole, depth + 1)]));
}
