/** Column types of the binary log. */
export const wire = {
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  timestamp: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  newDate: 14,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
  /** MariaDB's COMPRESSED columns. */
  blobCompressed: 140,
  varcharCompressed: 141,
  vector: 242,
  json: 245,
  decimal: 246,
  enum: 247,
  set: 248,
  tinyBlob: 249,
  mediumBlob: 250,
  longBlob: 251,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const;

const numeric: ReadonlySet<number> = new Set([
  wire.tiny,
  wire.short,
  wire.int24,
  wire.long,
  wire.longlong,
  wire.decimal,
  wire.float,
  wire.double,
]);
/** The columns that a table map's signs are of. YEAR is none. */
export const isNumeric = (type: number): boolean => numeric.has(type);

const textual: ReadonlySet<number> = new Set([
  wire.string,
  wire.varString,
  wire.varchar,
  wire.blob,
  wire.tinyBlob,
  wire.mediumBlob,
  wire.longBlob,
  wire.blobCompressed,
  wire.varcharCompressed,
]);
/** The columns that a table map's collations are of; binary ones are among them. */
export const isTextual = (type: number): boolean => textual.has(type);
